import type { SendOutcome } from '@herald/channels';
import { MessageChanges } from '@herald/contracts/event';
import { callbackOf } from '../../test/callbacks';
import { deps, ORG, SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { checkLedger } from '../reports/check-ledger';
import type { ClaimedSlice } from '../claim/claim';
import { makeOpenSlices } from './open-slices';
import { recordOutcomes } from './record-outcomes';
import { giveBack, recover } from './recover';

/** The longest request and the grace after the last moment at which a slice could be sent. */
const WAIT_SECONDS = 20;
const accepted = (providerId: string): SendOutcome => ({ kind: 'accepted', providerId, status: 'queued', rank: 20 });
const notSent: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'SEND_WINDOW_MISSED' };

describe('recover', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    epoch = await ledger.lease('dead');
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  const owning = (...shards: number[]) => ({
    ...deps,
    database: ledger.database,
    leases: { shards: () => shards },
    slices: makeOpenSlices(),
  });
  const claimed = async (messages = 3) => {
    const request = await ledger.accept({ messages });
    return { request, slice: await ledger.claim(request, epoch) };
  };
  /** Lets the database's clock pass over the last moment at which a slice could be sent by so many seconds. */
  const passSendBefore = (seconds: number, { batchId }: { batchId: string }) =>
    ledger.asOwner(`update slice set send_before = clock_timestamp() - make_interval(secs => $1) where batch_id = $2`, [
      seconds,
      batchId,
    ]);
  const record = (slice: ClaimedSlice, outcomes: readonly (SendOutcome | undefined)[], isComplete: boolean) =>
    ledger.database.worker((tx) =>
      recordOutcomes(tx, deps, {
        outcomes: slice.messages.flatMap((message, index) => {
          const outcome = outcomes[index];
          return outcome ? [{ slice, message, outcome }] : [];
        }),
        slices: isComplete ? [slice] : [],
      }),
    );
  const settle = (request: StoredRequest, index: number, status: string) =>
    ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, status)]));
  const slices = () => ledger.asOwner('select lo, hi from slice order by batch_id, lo');
  const reasons = async (request: StoredRequest) => {
    const rows = await ledger.asOwner<{ reason: string | null }>(
      'select reason from message where outbound_request_id = $1 order by contact_index',
      [request.id],
    );
    return rows.map(({ reason }) => reason);
  };

  it('P1: makes the messages of a dead owner unknown, each once, and ends its slice', async () => {
    const { request } = await claimed();
    await passSendBefore(WAIT_SECONDS, request);
    expect(await recover(owning(SHARD))).toBe(3);
    expect(await ledger.states(request)).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN']);
    expect(await reasons(request)).toEqual(['OWNER_DIED', 'OWNER_DIED', 'OWNER_DIED']);
    expect(await slices()).toEqual([]);
    expect(await recover(owning(SHARD))).toBe(0);
    const announced = await ledger.asOwner<{ payload: Buffer }>(`select payload from outbox`);
    expect(announced.flatMap(({ payload }) => MessageChanges.decode(payload).changes)).toMatchObject(
      request.messageIds.map((messageId) => ({ messageId, version: 2, state: 'UNKNOWN', reason: 'OWNER_DIED' })),
    );
  });

  it('P3: judges nobody whose outcome may still arrive: the longest request and the grace pass first', async () => {
    const { request } = await claimed();
    expect(await recover(owning(SHARD))).toBe(0);
    await passSendBefore(WAIT_SECONDS - 1, request);
    expect(await recover(owning(SHARD))).toBe(0);
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
    expect(await slices()).toEqual([{ lo: 1, hi: 3 }]);
  });

  it('leaves the slices of shards that others own', async () => {
    const { request } = await claimed();
    await passSendBefore(WAIT_SECONDS, request);
    expect(await recover(owning())).toBe(0);
    expect(await recover(owning(SHARD + 1))).toBe(0);
    expect(await slices()).toHaveLength(1);
  });

  it('P3: leaves the slices whose outcomes this instance still has to write', async () => {
    const { request, slice } = await claimed();
    await passSendBefore(WAIT_SECONDS, request);
    const slices = makeOpenSlices();
    slices.begin(slice);
    expect(await recover({ ...owning(SHARD), slices })).toBe(0);
    slices.abandon(slice);
    expect(await recover({ ...owning(SHARD), slices })).toBe(3);
  });

  it('P1: gives a new turn to what is in doubt, whoever owns its shard, once nothing of it can leave any more', async () => {
    const { request, slice } = await claimed();
    const mine = owning();
    mine.slices.doubt({ shard: SHARD, epoch }, [slice]);
    await settle(request, 2, 'sent');
    await giveBack(mine);
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'SENT']);
    await passSendBefore(0, request);
    await giveBack(mine);
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'SENT']);
    expect(await slices()).toEqual([]);
    expect(mine.slices.doubted()).toEqual([]);
  });

  it('P1: gives back what is in doubt at once when no other claim can be under way', async () => {
    const { request, slice } = await claimed();
    const mine = owning();
    mine.slices.doubt({ shard: SHARD, epoch }, [slice]);
    await giveBack(mine, { isLast: true });
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
  });

  it('P3: gives back nothing of an owner who claimed the same positions: its own claim was rolled back', async () => {
    const { request, slice } = await claimed();
    const mine = owning(SHARD);
    mine.slices.doubt({ shard: SHARD, epoch: String(Number(epoch) - 1) }, [slice]);
    await passSendBefore(WAIT_SECONDS, request);
    await giveBack(mine, { isLast: true });
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
    expect(await recover(mine)).toBe(3);
  });

  it('P3: gives back nothing that it came to claim again, and began', async () => {
    const { request, slice } = await claimed();
    const mine = owning(SHARD);
    mine.slices.doubt({ shard: SHARD, epoch }, [slice]);
    mine.slices.begin(slice);
    await passSendBefore(0, request);
    await giveBack(mine);
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
  });

  it('P1: leaves what is in doubt to be given back, though it comes late to it', async () => {
    const { request, slice } = await claimed();
    const mine = owning(SHARD);
    mine.slices.doubt({ shard: SHARD, epoch }, [slice]);
    await passSendBefore(WAIT_SECONDS, request);
    expect(await recover(mine)).toBe(0);
    await giveBack(mine);
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
  });

  it('P3: comes to one end with an owner that judges the slice at the same moment', async () => {
    const { request, slice } = await claimed(50);
    const mine = owning();
    mine.slices.doubt({ shard: SHARD, epoch }, [slice]);
    await passSendBefore(WAIT_SECONDS, request);
    await Promise.all([recover(owning(SHARD)), giveBack(mine), recover(owning(SHARD))]);
    const states = new Set(await ledger.states(request));
    expect([['QUEUED'], ['UNKNOWN']]).toContainEqual([...states]);
    expect(await slices()).toEqual([]);
  });

  it('ends the slices behind one that cannot be ended', async () => {
    const broken = await claimed();
    const behind = await claimed();
    await passSendBefore(WAIT_SECONDS + 1, broken.request);
    await passSendBefore(WAIT_SECONDS, behind.request);
    let transactions = 0;
    const worker: typeof ledger.database.worker = (work) => {
      transactions += 1;
      return transactions === 2 ? Promise.reject(new Error('broken')) : ledger.database.worker(work);
    };
    await expect(recover({ ...owning(SHARD), database: { ...ledger.database, worker } })).rejects.toThrow('broken');
    expect(await ledger.states(behind.request)).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN']);
    expect(await ledger.states(broken.request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
  });

  it('touches only what has no outcome, and what was not yet claimed not at all', async () => {
    const request = await ledger.accept({ messages: 6 });
    const slice = await ledger.claim(request, epoch, 2);
    expect(slice.hi).toBe(4);
    await record(slice, [accepted('SM1'), undefined, notSent, undefined], false);
    await settle(request, 1, 'delivered');
    await passSendBefore(WAIT_SECONDS, request);
    expect(await recover(owning(SHARD))).toBe(1);
    expect(await ledger.states(request)).toEqual(['SENT', 'DELIVERED', 'QUEUED', 'UNKNOWN', 'QUEUED', 'QUEUED']);
  });

  it('P5: a late answer still settles what recovery made unknown', async () => {
    const { request, slice } = await claimed(2);
    await passSendBefore(WAIT_SECONDS, request);
    await recover(owning(SHARD));
    await record(slice, [accepted('SM2'), notSent], true);
    expect(await ledger.states(request)).toEqual(['SENT', 'QUEUED']);
    expect(await reasons(request)).toEqual([null, 'SEND_WINDOW_MISSED']);
  });

  it('P5: a callback still settles what recovery made unknown', async () => {
    const { request } = await claimed(2);
    await passSendBefore(WAIT_SECONDS, request);
    await recover(owning(SHARD));
    await settle(request, 0, 'sent');
    await settle(request, 1, 'failed');
    expect(await ledger.states(request)).toEqual(['SENT', 'FAILED']);
    expect(await reasons(request)).toEqual([null, 'PROVIDER_REFUSED']);
  });

  it('P3: comes to one end with an outcome that is written at the same moment', async () => {
    const { request, slice } = await claimed(50);
    await passSendBefore(WAIT_SECONDS, request);
    const outcomes = slice.messages.map((_, index) => accepted(`SM-late-${index}`));
    await Promise.all([recover(owning(SHARD)), record(slice, outcomes, true), recover(owning(SHARD))]);
    expect(new Set(await ledger.states(request))).toEqual(new Set(['SENT']));
    expect(await slices()).toEqual([]);
  });

  it('ends what died while it recovered: the next round goes on where it stopped', async () => {
    const first = await claimed();
    const second = await claimed();
    await passSendBefore(WAIT_SECONDS + 1, first.request);
    await passSendBefore(WAIT_SECONDS, second.request);
    let transactions = 0;
    const worker: typeof ledger.database.worker = (work) => {
      transactions += 1;
      // The first transaction finds the slices, the second ends one of them.
      return transactions > 2 ? Promise.reject(new Error('killed')) : ledger.database.worker(work);
    };
    const dying = { ...owning(SHARD), database: { ...ledger.database, worker } };
    await expect(recover(dying)).rejects.toThrow('killed');
    expect(await ledger.states(first.request)).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN']);
    expect(await ledger.states(second.request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
    expect(await recover(owning(SHARD))).toBe(3);
    expect(await slices()).toEqual([]);
  });
});
