import assert from 'node:assert';
import type { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';
import { explained, isRepeatable, isSilence } from './database-error';
import { gate, type Gate } from './gate';
import { assertMigrated, type Migration } from './migrate';
import { ensureMonths, lacksMonth } from './month-partitions';
import { clientOf, SILENCE_MS, sql, type Tx } from './sql';
import { inScope } from './transaction-scope';

/** A call that waits longer for a connection answers UNAVAILABLE: its caller is better served by another replica. */
const API_WAIT_MS_MAX = 200;
/** Workers may wait: nobody stands behind them. */
const WORKER_WAIT_MS_MAX = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** What a statement may take; giveTime gives one transaction more. */
const STATEMENT_MS_MAX = 5_000;
export const QUERY_TIMEOUT_MS = STATEMENT_MS_MAX + SILENCE_MS;
/** A failed serialization is tried again so often, with a random pause in between. */
const ATTEMPTS_MAX = 5;
const RETRY_PAUSE_MS = 20;
const LATELY_MS = 1_000;
/**
 * A worker looks rows up by index, again and again. Planned by its values, a look-up of a thousand ids reads ranges instead
 * of rows, as each connection does in its first five calls; planned while a month's partition is new and empty, it reads
 * the partition from end to end until that is analyzed. A flush of outcomes took three times as long by either. See giveTime.
 */
const ROWS_BY_INDEX = ['-c plan_cache_mode=force_generic_plan', '-c enable_seqscan=off'];
const ORG_FORM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where a service's database is and how many connections it may take there. */
export interface DatabaseSettings {
  /** Connection string of a role that may take on the service's roles. */
  url: string;
  /** Names the schema and the roles. */
  service: string;
  /** Connections for calls of the API. */
  poolMax: number;
  /** Connections for workers, apart, so that neither starves the other. */
  workerPoolMax: number;
  /** What the schema must have: an older one is refused before the first call comes. */
  migrations?: readonly Migration[];
}

/**
 * A service's door to its schema. Every method runs `work` in one transaction on one connection; `work` may be run
 * again when the database could not serialize it, or when it met a month that no partition was made for, and therefore
 * does nothing but SQL. Throws DATABASE_BUSY when no connection is free in time, DATABASE_UNAVAILABLE when there is no
 * database.
 */
export interface Database {
  /** As the application, for one organisation: row-level security shows it that organisation's rows alone. */
  transaction<T>(org: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** The same, read only. */
  read<T>(org: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Read only, and every statement sees the moment of the first one. */
  snapshot<T>(org: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** As the application, for no organisation: row-level security shows it no tenant's row. */
  withoutOrg<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** As the worker: all organisations, but only the tables a worker needs. */
  worker<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Called after each commit that wrote to the outbox. */
  onOutbox(wake: () => void): void;
  /** Throws unless the database answers, or answered anything within the last second: a busy pool is not a dead one. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a service's pools; the schema must be there (see provision and migrate). Throws where it lacks a migration. */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  const app = await openPool(settings, 'app', settings.poolMax);
  const worker = await openPool(settings, 'worker', settings.workerPoolMax).catch(async (error: unknown) => {
    await app.source.destroy();
    throw error;
  });
  let wakeRelay = () => {};
  let answeredAtMs = performance.now();
  const attempt = <T>(pool: Pool, begin: Begin, work: (tx: Tx) => Promise<T>) =>
    inScope(
      () => wakeRelay(),
      () => repeated(() => once(pool, begin, work)),
    );
  const run = async <T>(pool: Pool, begin: Begin, work: (tx: Tx) => Promise<T>) => {
    const result = await attempt(pool, begin, work).catch(async (error: unknown) => {
      if (!lacksMonth(error)) throw error;
      // Whoever makes months ahead did not come to it for weeks: no reason to take no rows.
      await attempt(worker, {}, ensureMonths);
      return attempt(pool, begin, work);
    });
    answeredAtMs = performance.now();
    return result;
  };
  const database: Database = {
    transaction: (org, work) => run(app, { org }, work),
    read: (org, work) => run(app, { org, mode: 'read only' }, work),
    snapshot: (org, work) => run(app, { org, mode: 'isolation level repeatable read, read only' }, work),
    withoutOrg: (work) => run(app, {}, work),
    worker: (work) => run(worker, {}, work),
    onOutbox: (wake) => {
      wakeRelay = wake;
    },
    ping: async () => {
      if (performance.now() - answeredAtMs < LATELY_MS) return;
      await run(app, {}, (tx) => sql(tx, 'select 1'));
    },
    close: async () => {
      await Promise.all([app.source.destroy(), worker.source.destroy()]);
    },
  };
  const { migrations } = settings;
  if (migrations === undefined) return database;
  await database
    .worker((tx) => assertMigrated(tx, migrations))
    .catch(async (error: unknown) => {
      await database.close();
      throw error;
    });
  return database;
}

interface Pool {
  source: DataSource;
  gate: Gate;
}

interface Begin {
  org?: string;
  mode?: 'read write' | 'read only' | 'isolation level repeatable read, read only';
}

async function openPool({ url, service }: DatabaseSettings, role: 'app' | 'worker', max: number): Promise<Pool> {
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: `herald-${service}-${role}`,
    installExtensions: false,
    synchronize: false,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    // A connection that dies while it is idle is replaced by the next query; a call that meets it learns it there.
    poolErrorHandler: () => {},
    extra: {
      max,
      query_timeout: QUERY_TIMEOUT_MS,
      // Statements that need not wait for each other's answers are sent one behind the other: see sql.
      pipeline: true,
      options: [
        `-c role=herald_${service}_${role}`,
        `-c search_path=${service}`,
        `-c statement_timeout=${STATEMENT_MS_MAX}`,
        // Longer than the server's deadlock_timeout of 1 s, else a deadlock would end as a lock that took too long.
        '-c lock_timeout=1500ms',
        '-c idle_in_transaction_session_timeout=10s',
        '-c timezone=UTC',
        ...(role === 'worker' ? ROWS_BY_INDEX : []),
      ].join(' '),
    },
  });
  try {
    await source.initialize();
  } catch (error) {
    throw explained(error);
  }
  hearErrors(source);
  return { source, gate: gate(max, role === 'app' ? API_WAIT_MS_MAX : WORKER_WAIT_MS_MAX) };
}

/**
 * A client that leaves the pool has no listener until TypeORM sets its own, a microtask later; an error of the connection
 * in between would end the process. What uses the client learns of it by its query.
 */
function hearErrors(source: DataSource): void {
  const heard = new WeakSet<EventEmitter>();
  const { master } = source.driver as unknown as { master: EventEmitter };
  master.on('acquire', (client: EventEmitter) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on('error', () => undefined);
  });
}

async function repeated<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRepeatable(error) || tries === ATTEMPTS_MAX) throw explained(error);
      await pause(RETRY_PAUSE_MS * tries * (0.5 + Math.random()));
    }
  }
}

async function once<T>({ source, gate: door }: Pool, begin: Begin, work: (tx: Tx) => Promise<T>): Promise<T> {
  const leave = await door.enter();
  const runner = source.createQueryRunner();
  try {
    await start(runner, begin);
    const result = await work(runner.manager);
    await commit(runner);
    return result;
  } catch (error) {
    await rollBack(runner, error);
    throw error;
  } finally {
    await runner.release().finally(leave);
  }
}

/** The server answers COMMIT by ROLLBACK, and not by an error, where a statement of the transaction had failed. */
async function commit(runner: QueryRunner): Promise<void> {
  const { command } = await (await clientOf(runner)).query('COMMIT');
  assert(command === 'COMMIT', 'a statement failed and the transaction went on: nothing of it was stored');
}

/** A connection that gives no answer, not even to a rollback, is closed with its transaction: it must serve nobody else. */
async function rollBack(runner: QueryRunner, error: unknown): Promise<void> {
  try {
    if (!isSilence(error)) return void (await (await clientOf(runner)).query('ROLLBACK'));
  } catch {
    // The first error tells what happened; this one, that the connection is of no use, if there ever was one.
  }
  const client = await clientOf(runner).catch(() => undefined);
  void client?.end();
}

/**
 * One message to the server for all that a transaction begins with: each round trip more would cost a short read a third of
 * its time. The organisation is local to the transaction: the connection goes back to the pool belonging to nobody.
 */
async function start(runner: QueryRunner, { org, mode = 'read write' }: Begin): Promise<void> {
  if (org !== undefined && !ORG_FORM.test(org)) throw new Error('an organisation is a uuid in lower case');
  const client = await clientOf(runner);
  // eslint-disable-next-line herald/sql-text -- several statements take no parameters; the form of both is bounded
  await client.query(`start transaction ${mode}; ${org === undefined ? '' : `set local herald.org = '${org}'`}`);
}
