import type { LookUp, SendOutcome, SoughtMessage } from '@herald/channels';
import type { Tx } from '@herald/postgres';
import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { checkedLedger, DAY_SECONDS, UNKNOWN } from '../../test/checked-ledger';
import { deps, ORG, SHARD, testLedger, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import { recordOutcomes } from '../record/record-outcomes';
import { lookAfter, startOutcomeChecker, type Visits } from './outcome-checker';

describe('the outcome checker', () => {
  let ledger: TestLedger;
  let on: ReturnType<typeof checkedLedger>;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    on = checkedLedger(ledger);
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
    expect(on.errors).toEqual([]);
  });

  it('asks after what stands still, at each age, and says in the end that nothing more is expected', async () => {
    const { provider, look, sent, accepted, pass, rows, dueInSeconds } = on;
    const request = await sent(accepted);
    provider.list = [{ id: 'SM0', body: '', status: 'sent' }];
    for (const [seconds, asked] of [
      [14 * 60, 0],
      [61, 1],
      [2 * 3_600, 2],
      [DAY_SECONDS, 3],
      [DAY_SECONDS, 3],
    ] as const) {
      await pass(request, seconds);
      await look();
      expect(provider.asked).toHaveLength(asked);
    }
    expect(await ledger.states(request)).toEqual(['SENT']);
    await pass(request, 3 * DAY_SECONDS);
    await look();
    expect(await rows(request)).toMatchObject([{ rank: 40, reason: 'DELIVERY_UNCONFIRMED' }]);
    expect(await ledger.states(request)).toEqual(['SENT']);
    expect(await dueInSeconds(request)).toBeNull();
  });

  it('asks again at the next look what the provider could not say of a message that stands still', async () => {
    const { provider, look, sent, accepted, pass } = on;
    const request = await sent(accepted);
    provider.isAway = true;
    await pass(request, 901);
    await look();
    provider.isAway = false;
    provider.list = [{ id: 'SM0', body: '', status: 'delivered' }];
    await pass(request, 1);
    await look();
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
  });

  it('P1: looks again at what became unknown while it looked', async () => {
    const { provider, look, pass, dueInSeconds, checker } = on;
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, await ledger.lease());
    const [first, second] = slice.messages.map((message) => ({ slice, message, outcome: UNKNOWN }));
    const record = (outcome: typeof first, isLast: boolean) =>
      ledger.database.worker((tx) =>
        recordOutcomes(tx, deps, { outcomes: outcome ? [outcome] : [], slices: isLast ? [slice] : [] }),
      );
    await record(first, false);
    await pass(request, 301);
    const busy = {
      lookUp: provider.lookUp,
      find: async (sought: SoughtMessage) => {
        await record(second, true);
        return provider.find(sought);
      },
    };
    await look({ ...checker(), channel: busy });
    expect(await ledger.states(request)).toEqual(['FAILED', 'UNKNOWN']);
    expect(await dueInSeconds(request)).toBe(300);
  });

  it('P1: looks again at what becomes unknown in the moment in which it sets the next time', async () => {
    const { provider, look, pass, dueInSeconds, checker } = on;
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, await ledger.lease());
    const [first, second] = slice.messages.map((message) => ({ slice, message, outcome: UNKNOWN }));
    const write = (tx: Tx, outcome: typeof first, isLast: boolean) =>
      recordOutcomes(tx, deps, { outcomes: outcome ? [outcome] : [], slices: isLast ? [slice] : [] });
    await ledger.database.worker((tx) => write(tx, first, false));
    await pass(request, 301);
    let recorded: Promise<void> | undefined;
    let commit = () => {};
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const busy = {
      lookUp: provider.lookUp,
      find: async (sought: SoughtMessage) => {
        await new Promise<void>((written) => {
          recorded = ledger.database.worker(async (tx) => {
            await write(tx, second, true);
            written();
            await mayCommit;
          });
        });
        return provider.find(sought);
      },
    };
    const looked = look({ ...checker(), channel: busy });
    await eventually(async () => {
      const waiting = await ledger.asOwner(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting).toHaveLength(1);
    });
    commit();
    await Promise.all([looked, recorded]);
    expect(await dueInSeconds(request)).toBe(300);
  });

  it('P1: looks again after a death: what one took and never came back to', async () => {
    const { look, sent, pass, dueInSeconds, checker } = on;
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    let transactions = 0;
    const dying = {
      ...ledger.database,
      worker: ((work) => {
        transactions += 1;
        return transactions > 1 ? Promise.reject(new Error('killed')) : ledger.database.worker(work);
      }) as typeof ledger.database.worker,
    };
    const onError = (error: unknown) => expect(error).toEqual(new Error('killed'));
    await look({ ...checker(), database: dying, onError });
    expect(await dueInSeconds(request)).toBe(300);
    await pass(request, 0);
    await look();
    expect(await ledger.states(request)).toEqual(['FAILED']);
  });

  it('P5: lets a sender of many silent messages hold up no unknown outcome of another', async () => {
    const { sent, accepted, pass, provider, checker, signal, dueInSeconds } = on;
    const slow = { find: provider.find, lookUp: (): Promise<LookUp> => answered };
    let answer = () => {};
    const answered = new Promise<LookUp>((resolve) => (answer = () => resolve({ kind: 'not_there' })));
    const channelId = newId();
    const visits: Visits = new Map();
    const round = () => lookAfter({ ...checker(), channel: slow, signal, visits });
    const first = await sent(accepted, { channelId });
    await pass(first, 901);
    await round();
    const second = await sent((index) => ({ ...accepted(index), providerId: 'SM1' }) as SendOutcome, { channelId });
    await pass(second, 901);
    const unknown = await sent(() => UNKNOWN);
    await pass(unknown, 301);
    await round();
    await eventually(async () => expect(await ledger.states(unknown)).toEqual(['FAILED']));
    // What comes due of a sender that is being visited waits for half its age.
    expect(Math.abs(((await dueInSeconds(second)) ?? 0) - 450)).toBeLessThan(10);
    answer();
    await Promise.all(visits.values());
  });

  it('leaves the batches of shards that others own', async () => {
    const { look, sent, pass, checker } = on;
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    expect(await look({ ...checker(), leases: { shards: () => [SHARD + 1] } })).toBe(0);
    expect(await ledger.states(request)).toEqual(['UNKNOWN']);
  });

  it('finds the same when two look at once', async () => {
    const { look, sent, pass, rows, checker } = on;
    const request = await sent(() => UNKNOWN, { messages: 10, deliveryGuarantee: 'AT_LEAST_ONCE' });
    await pass(request, 301);
    const twice = { ...checker(), leases: { shards: () => [SHARD] } };
    const taken = await Promise.all([look(twice), look(twice)]);
    expect(taken.sort()).toEqual([0, 1]);
    expect(new Set((await rows(request)).map(({ attempt }) => attempt))).toEqual(new Set([2]));
  });

  it('works by itself from its start to its stop', async () => {
    const { checker, sent, pass } = on;
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    const running = startOutcomeChecker(checker());
    await eventually(async () => expect(await ledger.states(request)).toEqual(['FAILED']));
    await running.stop();
  });
});
