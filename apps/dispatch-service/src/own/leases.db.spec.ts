import { sql, type Database } from '@herald/postgres';
import { eventually, FakeClock } from '@herald/testing';
import { claimOf, deps, SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { claim } from '../claim/claim';
import { nameShards } from './lease';
import { holdLeases, type Leases, type LeaseSettings } from './leases';

const SHARDS = SHARD + 1;
const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);

describe('holdLeases', () => {
  let ledger: TestLedger;
  const held: Leases[] = [];
  let errors: unknown[] = [];
  /** How often the database answered those that hold. */
  let answers = 0;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(() => {
    errors = [];
  });
  afterEach(async () => {
    await Promise.all(held.splice(0).map((leases) => leases.stop()));
    await ledger.asOwner('truncate lease');
  });

  /** Begins to hold what is wanted, and waits for the answer to the first question, whatever it is. */
  const hold = async (instance: string, changes: Partial<LeaseSettings> = {}, wanted = ALL) => {
    const { promise: firstAnswer, resolve } = Promise.withResolvers<void>();
    const answered = () => {
      answers += 1;
      resolve();
    };
    const { database = ledger.database, ...others } = changes;
    const leases = holdLeases({
      database: { ...database, worker: (work) => database.worker(work).finally(() => setImmediate(answered)) },
      ...{ instance, takeOver: false },
      ...{ monotonicMs: () => performance.now(), onError: (error) => void errors.push(error) },
      ...others,
    });
    held.push(leases);
    leases.want(wanted);
    await firstAnswer;
    return leases;
  };
  const row = async () => {
    const [found] = await ledger.asOwner<{ owner: string; epoch: string; until: Date }>(
      'select owner, epoch, until from lease where shard = $1',
      [SHARD],
    );
    if (!found) throw new Error('the shard has no lease');
    return found;
  };
  /** The lease of an owner that was killed: nobody renews it or gives it back. */
  const leaveDead = async () => {
    const epoch = await ledger.lease('dead');
    return { epoch, expire: () => ledger.asOwner(`update lease set until = clock_timestamp() where owner = 'dead'`) };
  };
  const claimUnder = (epoch: string, request: StoredRequest) =>
    ledger.database.worker((tx) => claim(tx, deps, claimOf(request, epoch)));

  it('takes every shard that nobody holds, under its first epoch', async () => {
    const leases = await hold('one');
    expect(leases.shards().sort()).toEqual(ALL);
    expect(leases.of(SHARD)).toEqual({ shard: SHARD, epoch: '1' });
    expect(leases.isGood({ shard: SHARD, epoch: '1' })).toBe(true);
    expect(await row()).toMatchObject({ owner: 'one', epoch: '1' });
  });

  it('P3: gives each shard to one of all that ask at the same time', async () => {
    const all = await Promise.all(['one', 'two', 'three', 'four'].map((instance) => hold(instance)));
    expect(all.flatMap((leases) => leases.shards()).sort()).toEqual(ALL);
  });

  it('P3: leaves a running lease to its holder', async () => {
    await hold('one');
    expect((await hold('two')).shards()).toEqual([]);
    expect(await row()).toMatchObject({ owner: 'one', epoch: '1' });
  });

  it('takes what a dead owner left once it has expired, under a new epoch', async () => {
    const { epoch, expire } = await leaveDead();
    const leases = await hold('two');
    expect(leases.of(SHARD)).toBeUndefined();
    await expire();
    await eventually(() => expect(leases.of(SHARD)).toEqual({ shard: SHARD, epoch: String(Number(epoch) + 1) }));
  });

  it('takes at once what was given back', async () => {
    const one = await hold('one');
    await one.stop();
    expect(one.shards()).toEqual([]);
    expect((await hold('two')).of(SHARD)).toEqual({ shard: SHARD, epoch: '2' });
  });

  it('takes at once what the dead former self of a home holds, where it is told so', async () => {
    const { epoch } = await leaveDead();
    const leases = await hold('one', { takeOver: true });
    expect(leases.of(SHARD)?.epoch).toBe(String(Number(epoch) + 1));
  });

  it('asks for what others hold without waiting for their claims, nor making them wait', async () => {
    await ledger.lease('another');
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const claiming = ledger.database.worker(async (tx) => {
      await sql(tx, 'select shard from lease where shard = $1 for share', [SHARD]);
      begin();
      await finished;
    });
    await began;
    const leases = await hold('one');
    expect(leases.of(SHARD)).toBeUndefined();
    finish();
    await claiming;
  });

  it('P20: hands over what is no longer wanted, once what was claimed under it is sent', async () => {
    const one = await hold('one');
    const lease = one.of(SHARD);
    if (!lease) throw new Error('the shard was not taken');
    const release = one.use(lease);
    const two = await hold('two');
    one.want(ALL.filter((shard) => shard !== SHARD));
    expect(one.of(SHARD)).toBeUndefined();
    expect(one.shards()).not.toContain(SHARD);
    expect(one.isGood(lease)).toBe(true);
    expect(await row()).toMatchObject({ owner: 'one', epoch: '1' });
    release();
    await eventually(() => expect(two.of(SHARD)).toEqual({ shard: SHARD, epoch: '2' }));
    expect(one.isGood(lease)).toBe(false);
  });

  it('goes on with a lease that is wanted again before it was handed over', async () => {
    const one = await hold('one');
    const lease = one.of(SHARD);
    if (!lease) throw new Error('the shard was not taken');
    const release = one.use(lease);
    one.want([]);
    one.want(ALL);
    release();
    expect(one.of(SHARD)).toEqual(lease);
  });

  it('P1: takes what nobody has held for five seconds, though it was not told to', async () => {
    const { epoch } = await leaveDead();
    const leases = await hold('two', {}, []);
    const endedAgo = (seconds: number) =>
      ledger.asOwner(`update lease set until = clock_timestamp() - make_interval(secs => ${seconds})`);
    await endedAgo(0);
    const answersBefore = answers;
    await eventually(() => expect(answers).toBeGreaterThan(answersBefore));
    expect(leases.shards()).toEqual([]);
    await endedAgo(6);
    await eventually(() => expect(leases.of(SHARD)?.epoch).toBe(String(Number(epoch) + 1)));
    leases.want([]);
    await eventually(() => expect(leases.shards()).toEqual([]));
  });

  it('P1: takes what nobody ever held and nobody was told to want, once it stood for five seconds', async () => {
    const leases = await hold('one', {}, [0]);
    await ledger.database.worker((tx) => nameShards(tx, SHARDS));
    expect(leases.shards()).toEqual([0]);
    await ledger.asOwner(`update lease set until = until - interval '5 seconds' where owner = 'nobody'`);
    await eventually(() => expect(leases.shards().sort()).toEqual(ALL));
    expect(leases.of(SHARD)).toEqual({ shard: SHARD, epoch: '1' });
  });

  it('leaves those that are held as they are when it names shards again', async () => {
    const leases = await hold('one');
    await ledger.database.worker((tx) => nameShards(tx, SHARDS));
    expect(leases.shards().sort()).toEqual(ALL);
    expect(await row()).toMatchObject({ owner: 'one', epoch: '1' });
  });

  it('P3: an epoch only grows, whoever comes and goes', async () => {
    const epochs: number[] = [];
    for (const instance of ['one', 'two', 'one']) {
      const leases = await hold(instance, { takeOver: true });
      epochs.push(Number(leases.of(SHARD)?.epoch));
      if (instance === 'two') await leases.stop();
    }
    expect(epochs).toEqual([1, 2, 3]);
  });

  it('renews in time, under the same epoch, though the database was away for a moment', async () => {
    let isAway = false;
    const database: Database = {
      ...ledger.database,
      worker: (work) => (isAway ? Promise.reject(new Error('away')) : ledger.database.worker(work)),
    };
    const leases = await hold('one', { database });
    const taken = await row();
    isAway = true;
    await eventually(() => expect(errors).toEqual([new Error('away')]));
    isAway = false;
    await eventually(async () => expect((await row()).until.getTime()).toBeGreaterThan(taken.until.getTime()));
    expect((await row()).epoch).toBe(taken.epoch);
    expect(leases.shards().sort()).toEqual(ALL);
  });

  it('P3: loses to a new epoch: its claims are refused at once, and it does not take the lease back', async () => {
    const request = await ledger.accept();
    const old = await hold('one');
    const lost = old.of(SHARD);
    if (!lost) throw new Error('the shard was not taken');
    const owner = await hold('two', { takeOver: true });
    expect(await claimUnder(lost.epoch, request)).toEqual({ kind: 'lost' });
    await eventually(() => expect(old.shards()).toEqual([]));
    expect(old.isGood(lost)).toBe(false);
    expect(owner.of(SHARD)?.epoch).toBe('2');
    expect(await claimUnder('2', request)).toMatchObject({ kind: 'visited', slices: [{ lo: 1, hi: 3 }] });
  });

  it('P3: stops using a lease before its end, by its own clock', async () => {
    const clock = new FakeClock();
    const leases = await hold('one', { monotonicMs: () => clock.monotonicMs() });
    clock.advance(5_499);
    expect(leases.of(SHARD)).toBeDefined();
    clock.advance(1);
    expect(leases.of(SHARD)).toBeUndefined();
    expect(leases.isGood({ shard: SHARD, epoch: '1' })).toBe(false);
    expect((await row()).until.getTime()).toBeGreaterThan(Date.now());
  });

  it('P3: counts a lease from before it was asked for, however late the answer comes', async () => {
    const clock = new FakeClock();
    const database: Database = {
      ...ledger.database,
      worker: async (work) => {
        const result = await ledger.database.worker(work);
        clock.advance(6_000);
        return result;
      },
    };
    const leases = await hold('one', { database, monotonicMs: () => clock.monotonicMs() });
    expect(leases.shards()).toEqual([]);
  });

  it('asks once at a time while the database does not answer, and renews soon after', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    let isSilent = false;
    let asked = 0;
    const database: Database = {
      ...ledger.database,
      worker: async (work) => {
        if (isSilent) {
          asked += 1;
          await answered;
          throw new Error('silent');
        }
        return ledger.database.worker(work);
      },
    };
    jest.useFakeTimers({ doNotFake: ['performance', 'setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      await hold('one', { database });
      isSilent = true;
      await jest.advanceTimersByTimeAsync(60_000);
      expect(asked).toBe(1);
      answer();
      await jest.advanceTimersByTimeAsync(0);
      expect(errors).toEqual([new Error('silent')]);
      isSilent = false;
    } finally {
      jest.useRealTimers();
    }
  });

  it('P3: a take-over waits for the claim under way, and then finds its slice', async () => {
    const request = await ledger.accept();
    const old = await hold('one');
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const claiming = ledger.database.worker(async (tx) => {
      const claimed = await claim(tx, deps, claimOf(request, old.of(SHARD)?.epoch ?? ''));
      begin();
      await finished;
      return claimed;
    });
    await began;
    const takingOver = hold('two', { takeOver: true });
    await eventually(async () => {
      const waiting = await ledger.asOwner(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting).toHaveLength(1);
    });
    expect((await row()).owner).toBe('one');
    finish();
    expect(await claiming).toMatchObject({ kind: 'visited', slices: [{ lo: 1, hi: 3 }] });
    expect((await takingOver).of(SHARD)?.epoch).toBe('2');
    expect(await ledger.asOwner('select epoch from slice where batch_id = $1', [request.batchId])).toEqual([
      { epoch: '1' },
    ]);
  });
});
