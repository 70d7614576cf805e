import { MessageState, type GetDeliveryReportRequest } from '@herald/contracts/dispatch';
import { refusal } from '@herald/testing';
import { newId } from '@herald/service';
import { callbackOf } from '../../test/callbacks';
import { deps } from '../../test/ledger';
import { openDoors, type Dispatch, type OpenDoors } from '../../test/open-doors';
import { settleCallbacks } from '../delivery/settle-callbacks';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('GetDeliveryReport', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;

  beforeAll(async () => {
    doors = await openDoors();
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org, scopes: ['read'] });
  });

  const report = (request: Partial<GetDeliveryReportRequest> = {}) =>
    dispatch.getDeliveryReport({
      startTime: new Date(Date.now() - DAY_MS),
      endTime: new Date(Date.now() + HOUR_MS),
      outboundConfigurationId: '',
      channelId: '',
      ...request,
    });

  it('counts every contact once, refused and skipped ones too, and adds up to what the ledger says', async () => {
    const request = await doors.ledger.accept({ org, messages: 4, skipped: 2, refused: 3 });
    await doors.ledger.accept({ org, messages: 1, channelId: request.channelId });
    await doors.ledger.claim(request, await doors.ledger.lease(), 2);
    await doors.ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'delivered')]));
    const { rows, counts } = await report();
    expect(counts).toEqual((await dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' })).counts);
    expect(counts).toMatchObject({ contacts: 10, refused: 3, skipped: 2, delivered: 1 });
    const day = new Date().toISOString().slice(0, 10);
    expect(rows).toContainEqual(
      expect.objectContaining({
        channelId: request.channelId,
        day,
        state: MessageState.REFUSED,
        reason: 'ADDRESS_INVALID',
        messages: 3,
      }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({ state: MessageState.SKIPPED, reason: 'OPTED_OUT', messages: 2 }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ state: MessageState.DELIVERED, reason: '', messages: 1 }));
    expect(new Set(rows.map((row) => row.outboundConfigurationId)).size).toBe(2);
  });

  it('is of the channel, the configuration and the time that were asked for', async () => {
    const one = await doors.ledger.accept({ org, messages: 2 });
    await doors.ledger.accept({ org, messages: 3 });
    const ofChannel = await report({ channelId: one.channelId });
    expect(ofChannel.counts?.contacts).toBe(2);
    const outboundConfigurationId = ofChannel.rows[0]?.outboundConfigurationId ?? '';
    expect((await report({ outboundConfigurationId })).counts?.contacts).toBe(2);
    expect((await report({ outboundConfigurationId: newId() })).rows).toEqual([]);
    const { outboundRequest } = await dispatch.getRequest({ outboundRequestId: one.id });
    const created = outboundRequest?.createTime ?? new Date();
    const later = new Date(created.getTime() + 1);
    expect((await report({ startTime: created, endTime: later, channelId: one.channelId })).counts?.contacts).toBe(2);
    expect((await report({ endTime: created, channelId: one.channelId })).counts?.contacts).toBe(0);
    expect((await report({ startTime: later, channelId: one.channelId })).counts?.contacts).toBe(0);
  });

  it('shows another organisation nothing', async () => {
    await doors.ledger.accept({ org, messages: 2 });
    dispatch = doors.as({ org: newId(), scopes: ['read'] });
    expect((await report()).rows).toEqual([]);
  });

  it.each<[string, Partial<GetDeliveryReportRequest>, string[]]>([
    ['no times', { startTime: undefined, endTime: undefined }, ['start_time', 'end_time']],
    ['an end before its start', { endTime: new Date(0) }, ['end_time']],
    ['more than 92 days', { startTime: new Date(Date.now() - 93 * DAY_MS) }, ['end_time']],
    ['a time before all times', { startTime: new Date(-1) }, ['start_time']],
    [
      'ids that are none, and all that is wrong at once',
      { startTime: undefined, outboundConfigurationId: 'x', channelId: 'y' },
      ['start_time', 'outbound_configuration_id', 'channel_id'],
    ],
  ])('INVALID_FIELD for %s', async (_what, request, fields) => {
    const { reason, detail } = await refusal(report(request));
    expect(reason).toBe('INVALID_FIELD');
    expect(detail.violations?.map(({ field }) => field)).toEqual(fields);
  });

  it('INVALID_FIELD for a report of more rows than an answer holds', async () => {
    await doors.ledger.accept({ org, messages: 1, refused: 1 });
    const refusals = Object.fromEntries(Array.from({ length: 20_001 }, (_, number) => [`REASON_${number}`, 1]));
    await doors.ledger.asOwner('update outbound_request set refused_by_reason = $2 where org_id = $1', [org, refusals]);
    expect((await refusal(report())).detail.violations?.[0]).toMatchObject({
      field: 'end_time',
      reason: 'FIELD_OUT_OF_RANGE',
    });
  });
});
