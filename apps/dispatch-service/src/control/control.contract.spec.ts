import { randomUUID } from 'node:crypto';
import { Hold, Hold_Kind, type LedgerCounts } from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { newId } from '@herald/service';
import { refusal } from '@herald/testing';
import { contactsOf, openDoors, requestOf, type Dispatch, type OpenDoors } from '../../test/open-doors';
import { SHARD } from '../../test/ledger';

const SCOPES = ['send', 'read', 'operator'] as const;

describe('control', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;

  beforeAll(async () => {
    doors = await openDoors();
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org, scopes: SCOPES });
    doors.configuration.refuses = undefined;
  });

  const accepted = async (contacts = 3) => {
    const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf(contactsOf(contacts)));
    return { outboundRequestId: outboundRequest?.id ?? '', configurationId: outboundRequest?.outboundConfigurationId };
  };
  const placing = (kind: Hold_Kind, subjectId: string, note = '') => ({
    requestId: randomUUID(),
    hold: Hold.fromPartial({ kind, subjectId, note }),
  });
  const holds = async () => (await dispatch.listHolds({ pageSize: 0, pageToken: '' })).holds;
  const unknownId = { outboundRequestId: randomUUID() };
  /** All its messages have left, as far as the ledger knows. */
  const finish = (id: string) =>
    doors.ledger.asOwner('update message set rank = 40, outcome_at = now() where outbound_request_id = $1', [id]);

  describe('CancelRequest', () => {
    it('ends what is queued, says when and how many, and a repeat changes nothing', async () => {
      const request = await accepted();
      const first = await dispatch.cancelRequest(request);
      expect(first.outboundRequest?.counts).toMatchObject({ contacts: 3, queued: 0, cancelled: 3 });
      expect(first.outboundRequest?.cancelTime).toBeInstanceOf(Date);
      expect(await dispatch.cancelRequest(request)).toEqual(first);
      expect((await dispatch.getRequest(request)).outboundRequest).toEqual(first.outboundRequest);
      const ledger = await dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
      expect(ledger).toMatchObject({ conserved: true, discrepancies: [] });
    });

    it('› REQUEST_FINISHED', async () => {
      const request = await accepted();
      await finish(request.outboundRequestId);
      const error = await refusal(dispatch.cancelRequest(request));
      expect(error).toMatchObject({ reason: 'REQUEST_FINISHED', retryable: false });
      expect(error.detail.preconditions).toMatchObject([{ type: 'REQUEST_FINISHED' }]);
    });

    it('› REQUEST_NOT_FOUND', async () => {
      expect((await refusal(dispatch.cancelRequest(unknownId))).reason).toBe('REQUEST_NOT_FOUND');
    });

    it("P10: › REQUEST_NOT_FOUND for another organisation's", async () => {
      const request = await accepted();
      const foreign = doors.as({ org: newId(), scopes: SCOPES });
      for (const call of [foreign.cancelRequest, foreign.pauseRequest, foreign.resumeRequest])
        expect((await refusal(call(request))).reason).toBe('REQUEST_NOT_FOUND');
    });

    it('› INVALID_FIELD', async () => {
      const error = await refusal(dispatch.cancelRequest({ outboundRequestId: 'all' }));
      expect(error.detail.violations).toMatchObject([{ field: 'outbound_request_id', reason: 'FIELD_MALFORMED' }]);
    });
  });

  describe('PauseRequest and ResumeRequest', () => {
    it('hold what is queued and let it go on, and repeats change nothing', async () => {
      const request = await accepted();
      const paused = await dispatch.pauseRequest(request);
      expect(paused.outboundRequest).toMatchObject({ paused: true, counts: { queued: 3 } });
      expect(await dispatch.pauseRequest(request)).toEqual(paused);
      expect(await holds()).toMatchObject([
        { kind: 'KIND_REQUEST', subjectId: request.outboundRequestId, caller: 'ana' },
      ]);
      const resumed = await dispatch.resumeRequest(request);
      expect(resumed.outboundRequest).toMatchObject({ paused: false, counts: { queued: 3 } });
      expect(await dispatch.resumeRequest(request)).toEqual(resumed);
      expect(await holds()).toEqual([]);
    });

    it('› REQUEST_FINISHED for a pause, while resuming asks for nothing', async () => {
      const request = await accepted();
      await finish(request.outboundRequestId);
      expect((await refusal(dispatch.pauseRequest(request))).reason).toBe('REQUEST_FINISHED');
      expect((await dispatch.resumeRequest(request)).outboundRequest?.paused).toBe(false);
    });

    it('› REQUEST_NOT_FOUND for either', async () => {
      expect((await refusal(dispatch.pauseRequest(unknownId))).reason).toBe('REQUEST_NOT_FOUND');
      expect((await refusal(dispatch.resumeRequest(unknownId))).reason).toBe('REQUEST_NOT_FOUND');
    });

    it('› INVALID_FIELD for either', async () => {
      expect((await refusal(dispatch.pauseRequest({ outboundRequestId: '' }))).reason).toBe('INVALID_FIELD');
      expect((await refusal(dispatch.resumeRequest({ outboundRequestId: '' }))).reason).toBe('INVALID_FIELD');
    });
  });

  describe('PlaceHold', () => {
    it('places one hold of each kind, newest first in the list, by pages', async () => {
      const { outboundRequestId } = await accepted();
      const [configuration, channel] = [randomUUID(), randomUUID()];
      await dispatch.placeHold(placing(Hold_Kind.REQUEST, outboundRequestId));
      await dispatch.placeHold(placing(Hold_Kind.OUTBOUND_CONFIGURATION, configuration));
      await dispatch.placeHold(placing(Hold_Kind.CHANNEL, channel.toUpperCase(), 'wrong text'));
      await dispatch.placeHold(placing(Hold_Kind.ORGANIZATION, ''));
      const listed = (await holds()).map(({ kind, subjectId, note }) => [kind, subjectId, note]);
      expect(listed).toEqual([
        ['KIND_ORGANIZATION', '', ''],
        ['KIND_CHANNEL', channel, 'wrong text'],
        ['KIND_OUTBOUND_CONFIGURATION', configuration, ''],
        ['KIND_REQUEST', outboundRequestId, ''],
      ]);
      const first = await dispatch.listHolds({ pageSize: 3, pageToken: '' });
      const second = await dispatch.listHolds({ pageSize: 3, pageToken: first.nextPageToken });
      expect([first.holds.length, second.holds.length, second.nextPageToken]).toEqual([3, 1, '']);
    });

    it('S15: gives a repeat the first answer, and another call the hold that stands on the subject', async () => {
      const request = placing(Hold_Kind.ORGANIZATION, '', 'stop');
      const first = await dispatch.placeHold(request);
      expect(await dispatch.placeHold(request)).toEqual(first);
      expect(await dispatch.placeHold(placing(Hold_Kind.ORGANIZATION, '', 'me too'))).toEqual(first);
      await dispatch.releaseHold({ holdId: first.hold?.id ?? '' });
      expect(await dispatch.placeHold(request)).toEqual(first);
      expect(await holds()).toEqual([]);
    });

    it('S15: holds an organisation whatever other services say', async () => {
      doors.configuration.refuses = notFound('CONFIGURATION_NOT_FOUND', 'configuration', randomUUID());
      expect((await dispatch.placeHold(placing(Hold_Kind.ORGANIZATION, ''))).hold?.id).toBeTruthy();
    });

    it('lets one of many at once place the hold, and gives all of them that', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => dispatch.placeHold(placing(Hold_Kind.CHANNEL, org))),
      );
      expect(new Set(answers.map(({ hold }) => hold?.id)).size).toBe(1);
      expect(await holds()).toHaveLength(1);
    });

    it('› REQUEST_ID_REUSED', async () => {
      const request = placing(Hold_Kind.ORGANIZATION, '', 'stop');
      await dispatch.placeHold(request);
      const other = { ...request, hold: { ...request.hold, note: 'stop it' } };
      expect((await refusal(dispatch.placeHold(other))).reason).toBe('REQUEST_ID_REUSED');
    });

    it('› REQUEST_NOT_FOUND', async () => {
      expect((await refusal(dispatch.placeHold(placing(Hold_Kind.REQUEST, randomUUID())))).reason).toBe(
        'REQUEST_NOT_FOUND',
      );
    });

    it.each([
      ['CONFIGURATION_NOT_FOUND', Hold_Kind.OUTBOUND_CONFIGURATION],
      ['CHANNEL_NOT_FOUND', Hold_Kind.CHANNEL],
    ] as const)('› %s', async (reason, kind) => {
      doors.configuration.refuses = notFound(reason, 'subject', randomUUID());
      expect((await refusal(dispatch.placeHold(placing(kind, randomUUID())))).reason).toBe(reason);
      expect(await holds()).toEqual([]);
    });

    it.each([
      ['request_id', { requestId: 'again' }],
      ['hold.kind', { hold: Hold.fromPartial({ kind: Hold_Kind.UNSPECIFIED, subjectId: randomUUID() }) }],
      ['hold.kind', { hold: undefined }],
      ['hold.subject_id', { hold: Hold.fromPartial({ kind: Hold_Kind.CHANNEL, subjectId: 'all' }) }],
      ['hold.subject_id', { hold: Hold.fromPartial({ kind: Hold_Kind.ORGANIZATION, subjectId: randomUUID() }) }],
      ['hold.note', { hold: Hold.fromPartial({ kind: Hold_Kind.ORGANIZATION, note: 'x'.repeat(501) }) }],
      ['hold.note', { hold: Hold.fromPartial({ kind: Hold_Kind.ORGANIZATION, note: '\0' }) }],
    ])('› INVALID_FIELD of %s', async (field, changes) => {
      const error = await refusal(dispatch.placeHold({ ...placing(Hold_Kind.ORGANIZATION, ''), ...changes }));
      expect(error.reason).toBe('INVALID_FIELD');
      expect(error.detail.violations).toMatchObject([{ field }]);
    });
  });

  describe('ReleaseHold', () => {
    it('ends the hold, and a repeat changes nothing', async () => {
      const { hold } = await dispatch.placeHold(placing(Hold_Kind.ORGANIZATION, ''));
      const first = await dispatch.releaseHold({ holdId: hold?.id ?? '' });
      expect(first.hold?.releaseTime).toBeInstanceOf(Date);
      expect(await holds()).toEqual([]);
      expect(await dispatch.releaseHold({ holdId: hold?.id ?? '' })).toEqual(first);
    });

    it("› HOLD_NOT_FOUND, for another organisation's too", async () => {
      const { hold } = await dispatch.placeHold(placing(Hold_Kind.ORGANIZATION, ''));
      const foreign = doors.as({ org: newId(), scopes: SCOPES });
      expect((await refusal(foreign.releaseHold({ holdId: hold?.id ?? '' }))).reason).toBe('HOLD_NOT_FOUND');
      expect((await refusal(dispatch.releaseHold({ holdId: randomUUID() }))).reason).toBe('HOLD_NOT_FOUND');
    });

    it('› INVALID_FIELD', async () => {
      expect((await refusal(dispatch.releaseHold({ holdId: '' }))).reason).toBe('INVALID_FIELD');
    });
  });

  describe('ListHolds', () => {
    it('› PAGE_TOKEN_INVALID', async () => {
      expect((await refusal(dispatch.listHolds({ pageSize: 0, pageToken: 'next' }))).reason).toBe('PAGE_TOKEN_INVALID');
    });

    it('› INVALID_FIELD', async () => {
      expect((await refusal(dispatch.listHolds({ pageSize: -1, pageToken: '' }))).reason).toBe('INVALID_FIELD');
    });
  });

  describe('GetDispatchStatus', () => {
    it('counts nothing where nothing is', async () => {
      expect(await dispatch.getDispatchStatus({})).toEqual({
        ...{ queued: 0, held: 0, sending: 0, unknown: 0, holds: 0 },
        ...{
          oldestReadyAge: undefined,
          longestIdle: undefined,
          oldestUnknownAge: undefined,
          oldestEventAge: undefined,
        },
        openBreakers: [],
      });
    });

    it('tells what waits, what is held, what is unknown, and for how long, of one organisation', async () => {
      await doors.as({ org: newId() }).sendOutboundMessages(requestOf(contactsOf(2)));
      const held = await accepted(4);
      const ready = await accepted(3);
      const unknown = await accepted(2);
      await dispatch.pauseRequest(held);
      await doors.ledger.asOwner(
        `update batch set ready_at = now() - interval '1 minute' where outbound_request_id = any($1::uuid[])`,
        [[held.outboundRequestId, ready.outboundRequestId]],
      );
      await doors.ledger.asOwner(
        `with gone as (
           update batch set claimed_to = size where outbound_request_id = $1 returning id)
         update message set rank = 1, outcome_at = now() - interval '1 hour' where batch_id in (select id from gone)`,
        [unknown.outboundRequestId],
      );
      await doors.ledger.asOwner(
        `insert into message_step (org_id, message_id, id, attempt, at, state, rank, source)
         select org_id, id, id, attempt, outcome_at, 'UNKNOWN', 1, 'SEND' from message where outbound_request_id = $1`,
        [unknown.outboundRequestId],
      );
      await doors.ledger.asOwner('update sender set paid_until = to_timestamp(0) where org_id = $1', [org]);
      const status = await dispatch.getDispatchStatus({});
      expect(status).toMatchObject({ queued: 7, held: 4, sending: 0, unknown: 2, holds: 1 });
      expect(status.oldestReadyAge?.seconds).toBeGreaterThanOrEqual(60);
      expect(status.longestIdle?.seconds).toBeGreaterThanOrEqual(60);
      expect(status.oldestUnknownAge?.seconds).toBeGreaterThanOrEqual(3_600);
    });

    it('names the breakers that the owner of their shard holds open, and no others', async () => {
      const epoch = await doors.ledger.lease();
      const [account, channel] = [randomUUID(), randomUUID()];
      await doors.ledger.asOwner(
        `insert into breaker (org_id, channel_account_id, channel_id, shard, epoch, opened_at, reason, probe_at)
         select org, $2, channel, ${SHARD}, epoch, now(), 'THROTTLED', now()
           from (values ($1::uuid, $3::uuid, $4::bigint), ($1, null, $4 - 1), ($5, null, $4)) as found (org, channel, epoch)`,
        [org, account, channel, epoch, newId()],
      );
      const { openBreakers } = await dispatch.getDispatchStatus({});
      expect(openBreakers).toMatchObject([{ channelAccountId: account, channelId: channel, reason: 'THROTTLED' }]);
    });

    it('calls no sender idle that is paid for, or whose messages are held or for later', async () => {
      const { outboundRequestId } = await accepted();
      await doors.ledger.asOwner(`update sender set paid_until = now() + interval '1 minute' where org_id = $1`, [org]);
      await doors.ledger.asOwner(
        `update batch set ready_at = now() - interval '1 minute' where outbound_request_id = $1`,
        [outboundRequestId],
      );
      expect(await dispatch.getDispatchStatus({})).toMatchObject({ queued: 3, longestIdle: undefined });
      await dispatch.pauseRequest({ outboundRequestId });
      await dispatch.sendOutboundMessages(requestOf(contactsOf(1), { readyTime: new Date(Date.now() + 60_000) }));
      await doors.ledger.asOwner('update sender set paid_until = to_timestamp(0) where org_id = $1', [org]);
      const later = await dispatch.getDispatchStatus({});
      expect(later).toMatchObject({ queued: 4, held: 3, longestIdle: undefined, oldestReadyAge: undefined });
    });

    it('S1: › SCOPE_MISSING for whoever is no operator', async () => {
      const { getDispatchStatus } = doors.as({ org });
      expect((await refusal(getDispatchStatus({}))).reason).toBe('SCOPE_MISSING');
    });
  });

  it('S15: places and releases holds and cancels at the same time, and none of it waits for ever', async () => {
    const requests = await Promise.all(Array.from({ length: 6 }, () => accepted()));
    const acts = requests.flatMap((request) => [
      dispatch.pauseRequest(request),
      dispatch.cancelRequest(request),
      dispatch.resumeRequest(request),
      dispatch
        .placeHold(placing(Hold_Kind.ORGANIZATION, ''))
        .then(({ hold }) => dispatch.releaseHold({ holdId: hold?.id ?? '' })),
    ]);
    const failures = (await Promise.allSettled(acts)).flatMap((act) =>
      act.status === 'rejected' ? [act.reason as unknown] : [],
    );
    // A pause may find that all of its request was cancelled before.
    expect(failures.filter((error) => (error as { reason?: string }).reason !== 'REQUEST_FINISHED')).toEqual([]);
    const counts = await Promise.all(
      requests.map(async (request) => (await dispatch.getRequest(request)).outboundRequest?.counts),
    );
    for (const count of counts as LedgerCounts[]) expect(count).toMatchObject({ cancelled: 3, queued: 0 });
  });
});
