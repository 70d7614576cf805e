import type { SendOutcome } from '@herald/channels';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { checkLedger } from '../reports/check-ledger';
import { deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { callbackOf } from '../../test/callbacks';
import { recordFirstWords, recordOutcomes } from './record-outcomes';
import type { ClaimedSlice } from '../claim/claim';

const accepted = (providerId: string): SendOutcome => ({ kind: 'accepted', providerId, status: 'queued', rank: 20 });
const refused: SendOutcome = { kind: 'refused', code: '21610', reason: 'OPTED_OUT_AT_PROVIDER' };
const unknown: SendOutcome = { kind: 'unknown', reason: 'CONNECTION_RESET' };
const notSent = (retryAfterMs = 1_000): SendOutcome => ({ kind: 'not_sent', retryAfterMs, reason: 'THROTTLED' });

describe('recordOutcomes', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    epoch = await ledger.lease();
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  const record = (slice: ClaimedSlice, outcomes: readonly SendOutcome[], isComplete = true) =>
    ledger.database.worker((tx) =>
      recordOutcomes(tx, deps, {
        outcomes: slice.messages.flatMap((message, index) => {
          const outcome = outcomes[index];
          return outcome ? [{ slice, message, outcome }] : [];
        }),
        slices: isComplete ? [slice] : [],
      }),
    );
  const rows = (request: StoredRequest) =>
    ledger.asOwner(
      `select attempt, rank, reason, provider_code as "providerCode", provider_id as "providerId"
         from message where outbound_request_id = '${request.id}' order by contact_index`,
    );
  const slicesOf = (request: StoredRequest) => ledger.asOwner(`select lo from slice where org_id = '${request.org}'`);

  it('writes each kind of outcome, and ends the slice with the last', async () => {
    const request = await ledger.accept({ messages: 3 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [accepted('SM1'), refused, unknown]);
    expect(await ledger.states(request)).toEqual(['SENT', 'FAILED', 'UNKNOWN']);
    expect(await rows(request)).toEqual([
      { attempt: 1, rank: 20, reason: null, providerCode: null, providerId: 'SM1' },
      { attempt: 1, rank: 60, reason: 'OPTED_OUT_AT_PROVIDER', providerCode: '21610', providerId: null },
      { attempt: 1, rank: 1, reason: 'CONNECTION_RESET', providerCode: null, providerId: null },
    ]);
    expect(await slicesOf(request)).toEqual([]);
  });

  it('changes nothing when the same outcomes are written twice', async () => {
    const request = await ledger.accept({ messages: 3 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [accepted('SM2'), refused, notSent()]);
    const before = await ledger.asOwner(
      `select id, version, batch_id from message where outbound_request_id = '${request.id}'`,
    );
    await record(slice, [accepted('SM2'), refused, notSent()]);
    expect(
      await ledger.asOwner(`select id, version, batch_id from message where outbound_request_id = '${request.id}'`),
    ).toEqual(before);
  });

  it('gives what was not sent a new turn, as its next attempt', async () => {
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [accepted('SM3'), notSent(30_000)]);
    expect(await ledger.states(request)).toEqual(['SENT', 'QUEUED']);
    expect(await rows(request)).toMatchObject([{ attempt: 1 }, { attempt: 2, rank: null, reason: 'THROTTLED' }]);
    const [batch] = await ledger.asOwner(
      `select size, claimed_to as "claimedTo", ready_at > now() + interval '25 seconds' as "isLater"
         from batch where channel_id = '${request.channelId}' and id <> '${request.batchId}'`,
    );
    expect(batch).toEqual({ size: 1, claimedTo: 0, isLater: true });
  });

  it('lets a message wait longer with each attempt, half a minute beyond what the provider asks at most', async () => {
    const readyInMs = async (attempt: number, retryAfterMs: number) => {
      const request = await ledger.accept({ messages: 1 });
      await ledger.asOwner('update message set attempt = $1 where outbound_request_id = $2', [attempt, request.id]);
      await record(await ledger.claim(request, epoch), [notSent(retryAfterMs)]);
      const [batch] = await ledger.asOwner<{ ms: number }>(
        `select round(extract(epoch from ready_at - created_at) * 10)::int * 100 as ms
           from batch where channel_id = $1 and id <> $2`,
        [request.channelId, request.batchId],
      );
      return batch?.ms;
    };
    expect(await readyInMs(1, 1_000)).toBe(1_200);
    expect(await readyInMs(7, 1_000)).toBe(13_800);
    expect(await readyInMs(20_000, 1_000)).toBe(31_000);
    expect(await readyInMs(1, 90_000)).toBe(90_200);
  });

  it('P14: expires at once what could only be sent after its time', async () => {
    const request = await ledger.accept({ messages: 1, validForMs: 20_000 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [notSent(30_000)]);
    expect(await ledger.states(request)).toEqual(['EXPIRED']);
  });

  it('P3: does not send again what a callback proves to have left', async () => {
    const request = await ledger.accept({ messages: 1 });
    const slice = await ledger.claim(request, epoch);
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'sent')]));
    await record(slice, [notSent()]);
    expect(await ledger.states(request)).toEqual(['SENT']);
  });

  it('believes the provider whoever owns the shard by now', async () => {
    const request = await ledger.accept({ messages: 1 });
    const slice = await ledger.claim(request, epoch);
    await ledger.lease('another');
    await record(slice, [accepted('SM4')]);
    expect(await ledger.states(request)).toEqual(['SENT']);
  });

  it('corrects an unknown by the late answer', async () => {
    const request = await ledger.accept({ messages: 1 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [unknown]);
    await record(slice, [accepted('SM5')]);
    expect(await ledger.states(request)).toEqual(['SENT']);
    expect(await rows(request)).toMatchObject([{ reason: null, providerId: 'SM5' }]);
  });

  it('leaves the slice open while outcomes are missing', async () => {
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, epoch);
    await record(slice, [accepted('SM6')], false);
    expect(await ledger.states(request)).toEqual(['SENT', 'SENDING']);
    expect(await slicesOf(request)).toHaveLength(1);
    await record(slice, [accepted('SM6'), accepted('SM7')]);
  });

  describe('recordFirstWords', () => {
    const first = (slice: ClaimedSlice, outcomes: readonly SendOutcome[]) =>
      ledger.database.worker(async (tx) => {
        const flush = slice.messages.map((message, index) => ({ slice, message, outcome: outcomes[index] ?? unknown }));
        const rest = await recordFirstWords(tx, deps, { outcomes: flush, slices: [slice] });
        return rest.map(({ message }) => 1 + slice.messages.findIndex(({ id }) => id === message.id));
      });
    const told = (request: StoredRequest) =>
      ledger.asOwner(
        `select m.contact_index as index, m.rank, m.best, m.reason, m.provider_code, m.provider_id, m.version,
                m.outcome_at is not null as "isOver", step.state, step.attempt, step.rank as "stepRank", step.source,
                step.provider_id as "stepId", step.reason as "stepReason", ref.message_id = m.id as "isKnown"
           from message m
           left join message_step step on step.message_id = m.id
           left join provider_ref ref on ref.org_id = m.org_id and ref.provider_id = m.provider_id
          where m.outbound_request_id = '${request.id}' order by m.contact_index, step.id`,
      );

    it('leaves the same rows as a merge with nothing', async () => {
      const [one, other] = [await ledger.accept({ messages: 2 }), await ledger.accept({ messages: 2 })];
      await record(await ledger.claim(one, epoch), [accepted('SMA'), refused]);
      expect(await first(await ledger.claim(other, epoch), [accepted('SMB'), refused])).toEqual([]);
      expect(await told(other)).toEqual(
        (await told(one)).map((row) => JSON.parse(JSON.stringify(row).replaceAll('SMA', 'SMB')) as unknown),
      );
      expect(await slicesOf(other)).toEqual([]);
    });

    it('leaves inferences and what was not sent to the merge, and the slice with them', async () => {
      const request = await ledger.accept({ messages: 4 });
      const slice = await ledger.claim(request, epoch);
      const outcomes = [accepted('SMC'), unknown, notSent(), refused];
      expect(await first(slice, outcomes)).toEqual([2, 3]);
      expect(await ledger.states(request)).toEqual(['SENT', 'SENDING', 'SENDING', 'FAILED']);
      expect(await slicesOf(request)).toHaveLength(1);
      await record(slice, outcomes);
      expect(await ledger.states(request)).toEqual(['SENT', 'UNKNOWN', 'QUEUED', 'FAILED']);
    });

    it('P6: leaves to the merge what a callback came for before, by our ids or by the provider’s', async () => {
      const request = await ledger.accept({ messages: 3 });
      const slice = await ledger.claim(request, epoch);
      const callbacks = [
        callbackOf(request, 0, 'delivered'),
        { ...callbackOf(request, 1, 'undelivered'), messageId: '', attempt: 0, providerMessageId: 'SME' },
      ];
      await ledger.database.worker((tx) => settleCallbacks(tx, deps, callbacks));
      const outcomes = [accepted('SMD'), accepted('SME'), accepted('SMF')];
      expect(await first(slice, outcomes)).toEqual([1, 2]);
      await record(slice, outcomes);
      expect(await ledger.states(request)).toEqual(['DELIVERED', 'UNDELIVERED', 'SENT']);
    });

    it('says nothing of a message whose attempt is another by now', async () => {
      const request = await ledger.accept({ messages: 1 });
      const slice = await ledger.claim(request, epoch);
      await record(slice, [notSent()]);
      expect(await first(slice, [accepted('SMG')])).toEqual([1]);
      expect(await ledger.states(request)).toEqual(['QUEUED']);
    });
  });

  it('announces all changes of a flush in one record', async () => {
    await ledger.asOwner('truncate outbox');
    const request = await ledger.accept({ messages: 50 });
    const slice = await ledger.claim(request, epoch);
    await record(
      slice,
      slice.messages.map((_, index) => accepted(`SMX${index}`)),
    );
    expect(await ledger.asOwner(`select topic, key from outbox`)).toEqual([
      { topic: 'herald.message.v1', key: `${ORG}#3` },
    ]);
  });
});
