import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { ORG, SHARD, testLedger, type TestLedger } from '../../test/ledger';
import { breakerStore, removeStaleBreakers } from './breaker-store';
import type { BreakerChange } from './breakers';

describe('breakerStore', () => {
  let ledger: TestLedger;
  let epoch: string;
  const errors: unknown[] = [];

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    epoch = await ledger.lease();
    await ledger.asOwner('truncate breaker');
    errors.length = 0;
  });

  const storeOf = (database = ledger.database) =>
    breakerStore({
      database,
      leases: { of: (shard) => (shard === SHARD ? { shard, epoch } : undefined) },
      onError: (error) => errors.push(error),
    });
  const change = (changes: Partial<BreakerChange> = {}): BreakerChange => ({
    ...{ org: ORG, shard: SHARD, channelAccountId: newId(), channelId: null },
    ...{ transition: 'opened', reason: 'CONNECTION_FAILED', probeInMs: 1_000 },
    ...changes,
  });
  const rows = () =>
    ledger.asOwner<{ channelId: string | null; reason: string; openedAt: Date; probeAt: Date }>(
      `select channel_id as "channelId", reason, opened_at as "openedAt", probe_at as "probeAt"
         from breaker order by channel_id nulls first`,
    );

  it('shows what is open and since when, moves the time of the probe, and removes what is closed', async () => {
    const store = storeOf();
    const account = change();
    const sender = change({ channelAccountId: account.channelAccountId, channelId: newId() });
    for (const each of [account, sender]) store.write(each);
    await eventually(async () => expect(await rows()).toHaveLength(2));
    const [before] = await rows();
    store.write({ ...account, transition: 'reopened', probeInMs: 60_000 });
    await eventually(async () => expect((await rows())[0]?.probeAt).not.toEqual(before?.probeAt));
    expect((await rows())[0]?.openedAt).toEqual(before?.openedAt);
    store.write({ ...account, transition: 'closed' });
    await store.stop();
    expect((await rows()).map(({ channelId }) => channelId)).toEqual([sender.channelId]);
  });

  it('writes the last state of a breaker, though the database was away meanwhile', async () => {
    let isAway = true;
    const worker: typeof ledger.database.worker = async (work) => {
      if (isAway) throw new Error('away');
      return ledger.database.worker(work);
    };
    const store = storeOf({ ...ledger.database, worker });
    const [gone, open] = [change(), change()];
    for (const each of [gone, open, { ...gone, transition: 'closed' as const }]) store.write(each);
    await eventually(() => expect(errors.length).toBeGreaterThan(0));
    isAway = false;
    await eventually(async () => expect(await rows()).toHaveLength(1));
    await store.stop();
  });

  it('says nothing of a shard that another has, and leaves nothing of an earlier owner behind', async () => {
    const store = storeOf();
    store.write(change({ shard: SHARD + 1 }));
    store.write(change());
    await store.stop();
    expect(await rows()).toHaveLength(1);
    expect(await ledger.database.worker(removeStaleBreakers)).toBe(0);
    await ledger.lease('another');
    expect(await ledger.database.worker(removeStaleBreakers)).toBe(1);
  });
});
