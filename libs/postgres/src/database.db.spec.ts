import type { EventEmitter } from 'node:events';
import { Pool } from 'pg';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { ORG, OTHER_ORG, sampleMigrations, uuidAt } from '../test/sample';
import { openDatabase, type Database } from './database';
import { execute, single, sql, type Tx } from './sql';
import { insideTransaction } from './transaction-scope';

describe('database', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await testDatabase({ service: 'sample', migrations: sampleMigrations, poolMax: 2, workerPoolMax: 2 });
    database = test.database;
  });
  afterAll(() => test.close());
  beforeEach(() => test.asOwner('truncate parcel'));

  const put = (org: string, id: number, label = 'blue') =>
    database.transaction(org, (tx) =>
      execute(tx, 'insert into parcel (org_id, id, label) values ($1, $2, $3)', [org, id, label]),
    );
  const count = (tx: Tx) =>
    sql<{ parcels: number }>(tx, 'select count(*)::int as parcels from parcel').then((rows) => single(rows).parcels);

  it('S2: shows an organisation its own rows alone, whatever the statement asks for', async () => {
    await put(ORG, 1);
    await put(OTHER_ORG, 2);
    expect(await database.read(ORG, count)).toBe(1);
    const changed = database.transaction(ORG, (tx) => execute(tx, `update parcel set label = 'red'`));
    expect(await changed).toBe(1);
    expect(await test.asOwner('select label from parcel order by id')).toEqual([{ label: 'red' }, { label: 'blue' }]);
  });

  it('S2: refuses to write a row of another organisation', async () => {
    const foreign = database.transaction(ORG, (tx) =>
      execute(tx, 'insert into parcel (org_id, id, label) values ($1, 1, $2)', [OTHER_ORG, 'blue']),
    );
    await expect(foreign).rejects.toThrow('row-level security');
  });

  it('S2: raises where no organisation is set, also on a connection that served one before', async () => {
    await put(ORG, 1);
    for (let use = 0; use < 4; use += 1) {
      await expect(database.withoutOrg(count)).rejects.toThrow('no organisation is set');
    }
  });

  it('S2: raises on a connection that never served an organisation', async () => {
    await put(ORG, 1);
    const fresh = await openDatabase({ url: test.url, service: 'sample', poolMax: 1, workerPoolMax: 1 });
    try {
      await expect(fresh.withoutOrg(count)).rejects.toThrow('no organisation is set');
    } finally {
      await fresh.close();
    }
  });

  it('S2: runs nothing for a transaction that is over, for its connection may serve another organisation', async () => {
    const kept = await database.transaction(ORG, (tx) => Promise.resolve([tx]));
    for (const tx of kept) await expect(sql(tx, 'select 1')).rejects.toThrow('released');
  });

  it('lets the worker see every organisation, and only do what it was granted', async () => {
    await put(ORG, 1);
    await put(OTHER_ORG, 2);
    expect(await database.worker(count)).toBe(2);
    await expect(database.worker((tx) => execute(tx, 'delete from parcel'))).rejects.toThrow('permission denied');
  });

  it('S2: shows nobody a partition past its table', async () => {
    await database.transaction(ORG, (tx) =>
      execute(tx, 'insert into note (org_id, id, text) values ($1, $2, $3)', [
        ORG,
        uuidAt('2026-11-24T00:00:00Z'),
        'x',
      ]),
    );
    const direct = (run: typeof database.worker) => run((tx) => sql(tx, 'select text from note_2026_11'));
    await expect(direct((work) => database.worker(work))).rejects.toThrow('permission denied');
    await expect(direct((work) => database.read(ORG, work))).rejects.toThrow('permission denied');
  });

  it('refuses to write in a read', async () => {
    const write = database.read(ORG, (tx) =>
      execute(tx, 'insert into parcel (org_id, id, label) values ($1, 1, $2)', [ORG, 'x']),
    );
    await expect(write).rejects.toThrow('read-only transaction');
  });

  it('sees one moment throughout a snapshot', async () => {
    await put(ORG, 1);
    const counts = await database.snapshot(ORG, async (tx) => {
      const before = await count(tx);
      await test.asOwner(`insert into parcel (org_id, id, label) values ('${ORG}', 2, 'late')`);
      return [before, await count(tx)];
    });
    expect(counts).toEqual([1, 1]);
  });

  it('answers DATABASE_BUSY when no connection is free within 200 ms', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const holders = [1, 2].map(() => database.transaction(ORG, () => held));
    await expect(database.read(ORG, count)).rejects.toMatchObject({ reason: 'DATABASE_BUSY', retryable: true });
    release();
    await Promise.all(holders);
    expect(await database.read(ORG, count)).toBe(0);
  });

  it('answers DATABASE_BUSY when a lock is held too long, and leaves nothing of the transaction', async () => {
    await put(ORG, 1);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: locked, resolve: hasLocked } = Promise.withResolvers<void>();
    const holder = database.transaction(ORG, async (tx) => {
      await sql(tx, 'select id from parcel for update');
      hasLocked();
      await held;
    });
    await locked;
    const waiter = database.transaction(ORG, async (tx) => {
      await execute(tx, 'insert into parcel (org_id, id, label) values ($1, 9, $2)', [ORG, 'half']);
      await execute(tx, `update parcel set label = 'red' where id = 1`);
    });
    await expect(waiter).rejects.toMatchObject({ reason: 'DATABASE_BUSY' });
    release();
    await holder;
    expect(await database.read(ORG, count)).toBe(1);
  });

  it('runs a transaction again when two could not be serialized', async () => {
    await put(ORG, 1);
    await put(ORG, 2);
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const cross = (from: number, to: number, own: PromiseWithResolvers<void>, other: PromiseWithResolvers<void>) =>
      database.transaction(ORG, async (tx) => {
        await execute(tx, 'update parcel set label = label || $2 where id = $1', [from, String(to)]);
        own.resolve();
        await other.promise;
        await execute(tx, 'update parcel set label = label || $2 where id = $1', [to, String(from)]);
      });
    await Promise.all([cross(1, 2, first, second), cross(2, 1, second, first)]);
    const labels = await test.asOwner<{ label: string }>('select label from parcel order by id');
    expect(labels.map(({ label }) => label.length)).toEqual(['blue22'.length, 'blue11'.length]);
  });

  it('fails where the work went on after a failed statement, for its commit stored nothing', async () => {
    const careless = database.transaction(ORG, async (tx) => {
      await execute(tx, 'insert into parcel (org_id, id, label) values ($1, 1, $2)', [ORG, 'x']);
      await sql(tx, 'select 1 / 0').catch(() => undefined);
    });
    await expect(careless).rejects.toThrow('nothing of it was stored');
    expect(await database.read(ORG, count)).toBe(0);
  });

  it('runs what is asked in one go in its order, and stores nothing of it where one fails', async () => {
    const add = (tx: Tx, id: number) =>
      execute(tx, 'insert into parcel (org_id, id, label) values ($1, $2, $3)', [ORG, id, 'x']);
    const failing = database.transaction(ORG, (tx) => Promise.all([add(tx, 1), add(tx, 1), add(tx, 2)]));
    await expect(failing).rejects.toThrow('duplicate key');
    expect(await database.read(ORG, count)).toBe(0);
    const counts = await database.transaction(ORG, (tx) => Promise.all([add(tx, 1), count(tx), add(tx, 2), count(tx)]));
    expect(counts).toEqual([1, 1, 1, 2]);
  });

  it('knows inside from outside, and refuses a transaction inside a transaction', async () => {
    expect(insideTransaction()).toBe(false);
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const [within, leftBehind] = await database.read(ORG, async () => {
      await Promise.resolve();
      return [insideTransaction(), over.then(insideTransaction)] as const;
    });
    end();
    expect([within, await leftBehind]).toEqual([true, false]);
    const nested = database.transaction(ORG, () => put(ORG, 1));
    await expect(nested).rejects.toThrow('inside a transaction');
  });

  it('returns rows for every kind of statement, and the count from execute', async () => {
    await put(ORG, 1);
    await database.transaction(ORG, async (tx) => {
      expect(await sql(tx, `update parcel set label = 'red' returning id`)).toEqual([{ id: 1 }]);
      expect(
        await sql(tx, 'insert into parcel (org_id, id, label) values ($1, 2, $2) returning id', [ORG, 'x']),
      ).toEqual([{ id: 2 }]);
      expect(await execute(tx, `update parcel set label = 'green'`)).toBe(2);
      expect(await sql(tx, 'select id from parcel where id > 5')).toEqual([]);
    });
  });

  it('answers DATABASE_UNAVAILABLE where there is no database', async () => {
    const nowhere = new URL(test.url);
    nowhere.port = '1';
    const opening = openDatabase({ url: nowhere.toString(), service: 'sample', poolMax: 1, workerPoolMax: 1 });
    await expect(opening).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE', retryable: true });
  });

  it('outlives a connection that fails in the moment it leaves the pool, when nobody listens to it yet', async () => {
    const emit = Pool.prototype.emit as (this: Pool, event: string, client: EventEmitter) => boolean;
    jest.spyOn(Pool.prototype, 'emit').mockImplementation(function emitAndFail(this: Pool, ...given: unknown[]) {
      const [event, client] = given as [string, EventEmitter];
      const isHeard = emit.call(this, event, client);
      if (event === 'acquire') process.nextTick(() => client.emit('error', new Error('terminated')));
      return isHeard;
    });
    try {
      await expect(test.database.worker((tx) => sql(tx, 'select 1 as one'))).resolves.toEqual([{ one: 1 }]);
    } finally {
      jest.restoreAllMocks();
    }
  });

  it('survives connections that are cut beneath it', async () => {
    await put(ORG, 1);
    await test.asOwner(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name like 'herald-sample-%' and datname = current_database()`,
    );
    const outcomes = await Promise.allSettled([database.read(ORG, count), database.read(ORG, count)]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    }
    expect(await database.read(ORG, count)).toBe(1);
  });
});
