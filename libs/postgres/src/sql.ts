import assert from 'node:assert';
import type { Client, QueryConfig, QueryResult } from 'pg';
import { QueryRunnerAlreadyReleasedError, type EntityManager, type QueryRunner } from 'typeorm';

/** A running transaction. */
export type Tx = EntityManager;

/** The statements that were made ready by name, whoever makes them; see preparedStatements. */
const statements = new Map<string, string>();
/** How long the client waits for an answer, where a transaction was given more time than usual. */
const waits = new WeakMap<QueryRunner, number>();
/** So much longer than the server the client waits: it is for the server that is gone and says nothing any more. */
export const SILENCE_MS = 2_000;

/** Runs one statement and returns its rows, whatever its kind. Several that are asked for in one go run in that order. */
export async function sql<Row>(tx: Tx, text: string, params: readonly unknown[] = []): Promise<Row[]> {
  const { rows } = await ask(tx, { text, values: [...params] });
  return rows as Row[];
}

/**
 * Makes a statement that each connection parses and plans once. It goes to the pg client itself: TypeORM passes no
 * statement name, and a look-up over 36 partitions took 5.3 ms without a name and 0.8 ms with one. Names are unique
 * in a service.
 */
sql.prepared = function prepared<Row = never>(
  name: string,
  text: string,
): (tx: Tx, params: readonly unknown[]) => Promise<Row[]> {
  assert(!statements.has(name), `two statements have the name ${name}`);
  statements.set(name, text);
  return async (tx, params) => {
    const { rows } = await ask(tx, { name, text, values: [...params] });
    return rows as Row[];
  };
};

/** Every statement that the modules loaded so far make ready, by name: a spec asks for the plan of each. */
export function preparedStatements(): ReadonlyMap<string, string> {
  return statements;
}

/**
 * Gives every statement of this transaction so many milliseconds instead of the usual five seconds, and plans each for what
 * it asks, which a worker does not else: for what reads or moves whole months, and holds no lock that others wait for.
 */
export async function giveTime(tx: Tx, statementMs: number): Promise<void> {
  const ms = Math.max(1, Math.floor(statementMs));
  await sql(
    tx,
    `select set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'auto', true),
            set_config('enable_seqscan', 'on', true)`,
    [`${ms}ms`],
  );
  waits.set(runnerOf(tx), ms + SILENCE_MS);
}

/** Runs one statement and returns how many rows it wrote. */
export async function execute(tx: Tx, text: string, params: readonly unknown[] = []): Promise<number> {
  const { rowCount } = await ask(tx, { text, values: [...params] });
  return rowCount ?? 0;
}

async function ask(tx: Tx, statement: QueryConfig): Promise<QueryResult> {
  const runner = runnerOf(tx);
  const wait = waits.get(runner);
  const patient: QueryConfig & { query_timeout?: number } = { ...statement, ...(wait && { query_timeout: wait }) };
  const client = await clientOf(runner);
  asOneWrite(client);
  return client.query(patient);
}

/** What is asked of a connection in one go, as by Promise.all, leaves in one write: a write takes longer than a short statement. */
function asOneWrite({ connection }: Client): void {
  const { stream } = connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/**
 * An array parameter of ids, numbers, words of our own and nulls, which need no quotes. pg quotes each element of an array
 * alone, and that was a tenth of the time of a flush of outcomes. Throws where a value would need them.
 */
export function bareArray(values: readonly (string | number | null)[]): string {
  const text = `{${values.map((value) => value ?? 'NULL').join(',')}}`;
  assert(BARE_ARRAY.test(text), 'a value of a bare array has a character that needs quotes');
  return text;
}

const BARE_ARRAY = /^\{[\w,-]*\}$/;

/** The one row of a result; anything else is a mistake in the statement. */
export function single<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  assert(row !== undefined && rows.length === 1, `expected one row, found ${rows.length}`);
  return row;
}

/** The row of a result that has at most one. */
export function maybe<Row>(rows: readonly Row[]): Row | undefined {
  assert(rows.length <= 1, `expected at most one row, found ${rows.length}`);
  return rows[0];
}

/** The pg client that a transaction runs on. When the transaction is over, or was cut, it may be another's: throws. */
export async function clientOf(runner: QueryRunner): Promise<Client> {
  if (runner.isReleased) throw new QueryRunnerAlreadyReleasedError();
  return (await runner.connect()) as Client;
}

function runnerOf(tx: Tx): QueryRunner {
  assert(tx.queryRunner, 'statements run in a transaction, and this is none');
  return tx.queryRunner;
}
