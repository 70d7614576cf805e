import { newId } from '@herald/service';
import { SHARD, testLedger, type TestLedger } from '../../test/ledger';
import { LANE_BATCHES_MAX } from './lanes';
import { laneBatches, openBatches } from './sweep';

describe('openBatches', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
    epoch = await ledger.lease();
  });
  afterAll(() => ledger.close());
  beforeEach(() => ledger.clear());

  const found = async (...shards: number[]) => (await openBatches(ledger.database, shards)).map(({ id }) => id);

  it('P1: finds what is open in the shards that are owned, whether or not anybody announced it', async () => {
    const open = await ledger.accept();
    const begun = await ledger.accept({ messages: 5 });
    await ledger.claim(begun, epoch, 1);
    const done = await ledger.accept();
    await ledger.claim(done, epoch);
    const cancelled = await ledger.accept();
    await ledger.asOwner('update batch set cancelled_at = now() where id = $1', [cancelled.batchId]);
    expect(await found(SHARD)).toEqual([open.batchId, begun.batchId]);
    expect(await found(SHARD + 1)).toEqual([]);
    expect(await found()).toEqual([]);
  });

  it('brings what is ready within seconds, the earliest first, and leaves what is for later', async () => {
    const inMs = (ms: number) => new Date(Date.now() + ms);
    const soon = await ledger.accept({ readyAt: inMs(5_000) });
    const now = await ledger.accept({ readyAt: inMs(-1_000) });
    await ledger.accept({ readyAt: inMs(60_000) });
    expect(await found(SHARD)).toEqual([now.batchId, soon.batchId]);
  });

  it('P12: brings the first of each sender before the second of any, so that no long queues hide a short one', async () => {
    const flood = await ledger.accept({ readyAt: new Date(Date.now() - 60_000) });
    await ledger.asOwner(
      `insert into batch (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at,
                          expires_at, size, first_id, last_id, created_at)
       select org_id, gen_random_uuid(), shard, sender.id, channel_account_id, priority, delivery_guarantee, ready_at,
              expires_at, size, first_id, last_id, created_at
         from batch, (select gen_random_uuid() as id from generate_series(1, 24)) as sender, generate_series(1, $1)`,
      [LANE_BATCHES_MAX + 1],
    );
    const small = await ledger.accept({ org: newId() });
    const batches = await openBatches(ledger.database, [SHARD]);
    const senders = batches.map(({ channelId }) => channelId);
    expect(new Set(senders.slice(0, 26)).size).toBe(26);
    expect(senders.slice(0, 26)).toEqual(expect.arrayContaining([small.channelId, flood.channelId]));
    for (const sender of new Set(senders)) {
      expect(senders.filter((channelId) => channelId === sender).length).toBeLessThanOrEqual(20);
    }
  });

  it('brings as much of one lane as it holds, the earliest first, and nothing of another', async () => {
    const first = await ledger.accept({ readyAt: new Date(Date.now() - 1_000) });
    const second = await ledger.accept({ channelId: first.channelId });
    await ledger.accept();
    const lane = { shard: SHARD, org: first.org, channelId: first.channelId, priority: 0 };
    const ids = async () => (await laneBatches(ledger.database, lane)).map(({ id }) => id);
    expect(await ids()).toEqual([first.batchId, second.batchId]);
    await ledger.claim(first, epoch);
    expect(await ids()).toEqual([second.batchId]);
  });
});
