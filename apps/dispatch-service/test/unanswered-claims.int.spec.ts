import { HeraldError } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { eventually } from '@herald/testing';
import type { Claim } from '../src/claim/claim';
import { instancesOf, ProviderThatCounts } from './instance';
import { testLedger, type StoredRequest, type TestLedger } from './ledger';

describe('an instance whose claim is committed, and gets no answer', () => {
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

  /** Commits everything; the answer to the first claim that took something is lost after `meanwhile`. */
  const losingFirstClaim = (meanwhile: () => Promise<unknown>): Database => {
    let isLost = false;
    const worker: Database['worker'] = async (work) => {
      const result = await ledger.database.worker(work);
      if (isLost || !isClaimOfSome(result)) return result;
      isLost = true;
      await meanwhile();
      throw new HeraldError('DATABASE_UNAVAILABLE', 'The database does not answer.');
    };
    return { ...ledger.database, worker };
  };
  /** Lets the database's clock pass over the last moment at which a slice could be sent. */
  const passSendBefore = () => ledger.asOwner('update slice set send_before = clock_timestamp()');
  const isSentOnce = async (request: StoredRequest, provider: ProviderThatCounts) => {
    await eventually(async () => expect(new Set(await ledger.states(request))).toEqual(new Set(['SENT'])), 10_000);
    expect([...provider.receipts().values()]).toEqual(request.messageIds.map(() => 1));
    expect(await ledger.asOwner('select 1 from slice')).toEqual([]);
    expect(await ledger.asOwner(`select 1 from message_step where state = 'UNKNOWN'`)).toEqual([]);
  };

  it('P3 P20: gives back what it never began, though it stood still and another owns the shard by now', async () => {
    const request = await ledger.accept({ messages: 5 });
    const provider = new ProviderThatCounts();
    let stoodStillMs = 0;
    const database = losingFirstClaim(async () => {
      stoodStillMs = 9_000;
      await ledger.asOwner('update lease set until = clock_timestamp()');
      const owner = await start({ name: 'new', provider });
      await eventually(() => expect(owner.leases.shards()).toHaveLength(1));
      await passSendBefore();
    });
    await start({ name: 'old', database, provider, monotonicMs: () => performance.now() + stoodStillMs });
    await isSentOnce(request, provider);
  });

  it('P3: gives it back while it owns the shard, once nothing of it can leave any more', async () => {
    const request = await ledger.accept({ messages: 5 });
    const { provider } = await start({ database: losingFirstClaim(passSendBefore) });
    await isSentOnce(request, provider);
  });

  it('P3 P20: gives it back at its stop, for the next owner to send at once', async () => {
    const request = await ledger.accept({ messages: 5 });
    const { promise: isClaimed, resolve: claimed } = Promise.withResolvers<void>();
    const database = losingFirstClaim(async () => claimed());
    const old = await start({ name: 'old', database });
    await isClaimed;
    await old.stop();
    expect(await ledger.states(request)).toEqual(request.messageIds.map(() => 'QUEUED'));
    const { provider } = await start({ name: 'new' });
    await isSentOnce(request, provider);
  });
});

function isClaimOfSome(result: unknown): boolean {
  const { claimed } = (result ?? {}) as { claimed?: Claim };
  return claimed?.kind === 'visited' && claimed.slices.length > 0;
}
