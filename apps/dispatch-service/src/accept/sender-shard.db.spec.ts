import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { instancesOf, usable } from '../../test/instance';
import { claimOf, deps, SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { claim } from '../claim/claim';
import { recordOutcomes } from '../record/record-outcomes';

const OTHER_SHARD = SHARD + 1;

describe('the shard of a sender', () => {
  let ledger: TestLedger;
  const { start } = instancesOf(() => ledger);

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    await ledger.asOwner('truncate lease');
  });

  const shardOf = async ({ batchId }: Pick<StoredRequest, 'batchId'>) => {
    const [row] = await ledger.asOwner<{ shard: number }>('select shard from batch where id = $1', [batchId]);
    return row?.shard;
  };
  /** Where a sender's next batch goes if a shard is wanted. */
  const next = async ({ channelId }: Pick<StoredRequest, 'channelId'>, wantedShard: number) =>
    shardOf(await ledger.accept({ channelId, wantedShard }));
  const cancelAll = () =>
    ledger.asOwner(
      'update batch set cancelled_at = clock_timestamp() where claimed_to < size and cancelled_at is null',
    );
  const openBatches = () =>
    ledger.asOwner<{ shard: number }>('select shard from batch where claimed_to < size and cancelled_at is null');

  it('is the one that is wanted from the first batch on', async () => {
    const channelId = newId();
    expect(await next({ channelId }, OTHER_SHARD)).toBe(OTHER_SHARD);
    expect(await next({ channelId }, OTHER_SHARD)).toBe(OTHER_SHARD);
  });

  it('stays while a batch is open there, and changes when the last of them is claimed to its end', async () => {
    const epoch = await ledger.lease();
    const first = await ledger.accept();
    const second = await ledger.accept({ channelId: first.channelId, wantedShard: OTHER_SHARD });
    expect(await shardOf(second)).toBe(SHARD);
    await ledger.claim(first, epoch);
    const third = await ledger.accept({ channelId: first.channelId, wantedShard: OTHER_SHARD });
    expect(await shardOf(third)).toBe(SHARD);
    await ledger.asOwner('update sender set paid_until = clock_timestamp()');
    await ledger.claim(second, epoch);
    await ledger.asOwner('update sender set paid_until = clock_timestamp()');
    await ledger.claim(third, epoch);
    expect(await next(first, OTHER_SHARD)).toBe(OTHER_SHARD);
    expect(await next(first, SHARD)).toBe(OTHER_SHARD);
    await cancelAll();
    expect(await next(first, SHARD)).toBe(SHARD);
  });

  it('is the organisation’s while batches are open that were accepted before senders had shards', async () => {
    const first = await ledger.accept();
    await ledger.asOwner('delete from sender');
    expect(await next(first, OTHER_SHARD)).toBe(SHARD);
    await ledger.asOwner('update sender set shard = null');
    expect(await next(first, OTHER_SHARD)).toBe(SHARD);
    await cancelAll();
    await ledger.asOwner('update sender set shard = null');
    expect(await next(first, OTHER_SHARD)).toBe(OTHER_SHARD);
  });

  it('is where a message gets its new turn, though its sender moved while it was on its way', async () => {
    const slice = await ledger.claim(await ledger.accept({ messages: 1 }), await ledger.lease());
    expect(await next(slice, OTHER_SHARD)).toBe(OTHER_SHARD);
    const outcome = { kind: 'not_sent' as const, retryAfterMs: 1_000, reason: 'THROTTLED' as const };
    const outcomes = slice.messages.map((message) => ({ slice, message, outcome }));
    await ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
    expect(await openBatches()).toEqual([{ shard: OTHER_SHARD }, { shard: OTHER_SHARD }]);
    const [event] = await ledger.asOwner<{ partition: number }>(
      `select partition from outbox where topic = 'herald.dispatch.v1' order by id desc limit 1`,
    );
    expect(event?.partition).toBe(OTHER_SHARD);
  });

  it('makes claims and those who accept not wait for each other', async () => {
    const epoch = await ledger.lease();
    const first = await ledger.accept({ messages: 100 });
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const claiming = ledger.database.worker(async (tx) => {
      await claim(tx, deps, claimOf(first, epoch, { segmentsPerSecond: 10 }));
      begin();
      await finished;
    });
    await began;
    // Whoever waited for the claim's lock would be refused in the end.
    const accepting = next(first, SHARD).finally(finish);
    expect(await accepting).toBe(SHARD);
    await claiming;
  });

  it('P3: is one for all open batches of a sender, though many accept while it moves', async () => {
    const channelId = newId();
    const shards = [SHARD, OTHER_SHARD, OTHER_SHARD + 1];
    const seen = new Set<number>();
    let isOver = false;
    const accepting = Promise.all(
      shards.map(async (wantedShard) => {
        for (let count = 0; count < 60; count += 1) {
          const request = await ledger.accept({ channelId, messages: 1, wantedShard });
          seen.add((await shardOf(request)) ?? -1);
          if (count % 3 === 0) await cancelAll();
        }
      }),
    ).finally(() => (isOver = true));
    let most = 0;
    while (!isOver) most = Math.max(most, new Set((await openBatches()).map(({ shard }) => shard)).size);
    await accepting;
    expect([...seen].sort()).toEqual(shards);
    expect(most).toBe(1);
  });

  it('P13: takes the pace with it: the new owner waits for what the last one claimed', async () => {
    const [epoch, otherEpoch] = [await ledger.lease(), await ledger.lease('other', OTHER_SHARD)];
    const slow = { segmentsPerSecond: 10 };
    const first = await ledger.accept({ messages: 20 });
    await ledger.claim(first, epoch, slow.segmentsPerSecond);
    const second = await ledger.accept({ channelId: first.channelId, wantedShard: OTHER_SHARD });
    const changes = { ...slow, shard: OTHER_SHARD };
    const claimed = await ledger.database.worker((tx) => claim(tx, deps, claimOf(second, otherEpoch, changes)));
    expect(claimed).toMatchObject({ kind: 'visited', slices: [] });
    expect(claimed.kind === 'visited' && claimed.nextInMs).toBeGreaterThan(1_000);
  });

  it('lets the owner of each shard send for one organisation, and each message once though a sender moves', async () => {
    const senders = { find: async () => usable({ segmentsPerSecond: 100 }) };
    const one = await start({ name: 'one', senders });
    const two = await start({ name: 'two', senders, shards: [OTHER_SHARD] });
    const staying = await ledger.accept({ messages: 50 });
    const moving = await ledger.accept({ messages: 50 });
    const isSent = (request: StoredRequest) =>
      eventually(async () => expect(new Set(await ledger.states(request))).toEqual(new Set(['SENT'])));
    await isSent(moving);
    const moved = await ledger.accept({ channelId: moving.channelId, wantedShard: OTHER_SHARD, messages: 50 });
    await Promise.all([isSent(moved), isSent(staying)]);
    expect(one.provider.receipts().size).toBe(100);
    expect(new Set(two.provider.receipts().keys())).toEqual(new Set(moved.messageIds));
    const receipts = [one, two].flatMap(({ provider }) => [...provider.receipts().values()]);
    expect(receipts.every((count) => count === 1)).toBe(true);
  });
});
