import { AsyncResource } from 'node:async_hooks';
import { SpanKind } from '@opentelemetry/api';
import type { BusRecord } from '@herald/bus';
import { HeraldError } from '@herald/errors';
import { failpoint } from '@herald/failpoints';
import { currentTraceparent, withSpan } from '@herald/telemetry';
import type { Database } from './database';
import { execute, single, sql, type Tx } from './sql';

/** What a relay works with. */
export interface RelaySettings {
  database: Database;
  /** Resolves when the bus has taken responsibility for every record. */
  publish(records: readonly BusRecord[]): Promise<void>;
  /** The service, as the events' source. */
  source: string;
  /** Told of each failure; the rows are tried again. */
  onError(error: unknown): void;
}

/** Publishes what stands in the outbox. */
export interface OutboxRelay {
  start(): void;
  /** Ends when the round under way has ended; what is left is published by the next start. */
  stop(): Promise<void>;
  /** The age of the oldest row in milliseconds, 0 when there is none. */
  oldestAgeMs(): Promise<number>;
}

const ROWS_PER_ROUND_MAX = 500;
/** Rounds under way at once, so that one slow group of consumers does not hold up the events of all others. */
const ROUNDS_MAX = 4;
/**
 * From the beginning of a round to the next: whatever is committed meanwhile is one round's, and not a round each, which is
 * two transactions and a record of its own. An event that nothing goes before waits for nothing.
 */
const ROUND_GAP_MS = 20;
/** Longer than a round can take: the bus gives a record up after 30 s. Rows of a relay that died come back after it. */
const LEASE_SECONDS = 60;
const POLL_MS = 1_000;

/**
 * The relay of one process. A round claims rows by a lease and commits, publishes them outside any transaction, then
 * deletes them. Wakened by each commit that wrote an event, and every second for what a dead relay left.
 *
 * Each partition of a round is published on its own, so that what one does not take is no other's to repeat. Where the
 * bus is there and refuses, one of the records is at fault: each is then published alone, and the one stays and is told.
 *
 * Crash after the claim: the rows come back when their lease ends. After the publish: they are published twice, and
 * consumers do not mind. There is no cursor over ids: ids become visible out of order, and a cursor would skip one.
 */
export function outboxRelay(settings: RelaySettings): OutboxRelay {
  const { database, onError } = settings;
  const rounds = new Set<Promise<void>>();
  // Whoever commits an event wakes the relay, be it a call or a consumer; rounds belong to neither's context.
  const own = new AsyncResource('outbox-relay');
  let isStopped = true;
  let isWoken = false;
  let timer: NodeJS.Timeout | undefined;
  let gap: NodeJS.Timeout | undefined;

  const round = async (): Promise<void> => {
    const rows = await database.worker(claim);
    if (rows.length === ROWS_PER_ROUND_MAX) wake();
    const refused = new Set((await Promise.all(byPlace(rows).map((place) => announced(place, settings)))).flat());
    if (rows.length > 0) await failpoint('relay.after_produce');
    const taken = rows.filter((row) => !refused.has(row));
    if (taken.length > 0) {
      await database.worker((tx) => remove(tx, taken));
      await failpoint('relay.after_mark');
    }
    if (refused.size > 0) await database.worker((tx) => release(tx, [...refused]));
  };
  const begin = () => {
    isWoken = false;
    gap = setTimeout(() => {
      gap = undefined;
      if (isWoken) wake();
    }, ROUND_GAP_MS);
    const running: Promise<void> = round()
      .catch(onError)
      .finally(() => {
        rounds.delete(running);
        if (isWoken) wake();
      });
    rounds.add(running);
  };
  /** While all rounds are taken, or the last has just begun, it is remembered: the end of either begins another. */
  const wake = () => {
    if (isStopped) return;
    if (rounds.size < ROUNDS_MAX && gap === undefined) own.runInAsyncScope(begin);
    else isWoken = true;
  };

  return {
    start: () => {
      isStopped = false;
      database.onOutbox(wake);
      timer = setInterval(wake, POLL_MS);
      wake();
    },
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      clearTimeout(gap);
      gap = undefined;
      while (rounds.size > 0) await Promise.all(rounds);
    },
    oldestAgeMs: () =>
      database.worker(async (tx) => {
        const { ageMs } = single(
          await sql<{ ageMs: number }>(
            tx,
            `select coalesce(extract(epoch from clock_timestamp() - min(time)) * 1000, 0)::float8 as "ageMs" from outbox`,
          ),
        );
        return Math.max(0, ageMs);
      }),
  };
}

interface OutboxRow {
  id: string;
  topic: string;
  key: string;
  partition: number | null;
  type: string;
  time: Date;
  traceparent: string | null;
  payload: Buffer;
}

/**
 * The rows are found in a part of their own, which runs once. As a sub-select of the update's condition it runs for each
 * row where the planner takes the table for empty, as it does after a burst, and the limit holds for each run alone: of
 * 2,401 rows all were claimed at once, in 974 ms, and the time grows with their square. So it is 500 in 97 ms.
 */
const claimRows = sql.prepared<OutboxRow>(
  'outbox_claim',
  `with due as materialized (
     select id from outbox where leased_until < clock_timestamp() order by id limit $2 for update skip locked)
   update outbox
      set leased_until = clock_timestamp() + make_interval(secs => $1)
     from due
    where outbox.id = due.id
   returning outbox.id, topic, key, partition, type, time, traceparent, payload`,
);

async function claim(tx: Tx): Promise<OutboxRow[]> {
  const rows = await claimRows(tx, [LEASE_SECONDS, ROWS_PER_ROUND_MAX]);
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What one publish may hold: the rows of a partition that was named, or of a topic whose keys find theirs. */
function byPlace(rows: readonly OutboxRow[]): OutboxRow[][] {
  return Object.values(Object.groupBy(rows, ({ topic, partition }) => `${topic}/${partition ?? ''}`)).map(
    (place) => place ?? [],
  );
}

/** Publishes events of one place; returns those that the bus did not take. */
async function announced(rows: readonly OutboxRow[], settings: RelaySettings): Promise<readonly OutboxRow[]> {
  const { publish, source, onError } = settings;
  try {
    await publish(await Promise.all(rows.map((row) => recordOf(row, source))));
    return [];
  } catch (error) {
    const isBusAway = error instanceof HeraldError && error.retryable;
    if (isBusAway || rows.length === 1) {
      onError(error);
      return rows;
    }
  }
  const refused: OutboxRow[] = [];
  for (const row of rows) refused.push(...(await announced([row], settings)));
  return refused;
}

/** Each event of a sampled trace gets a PRODUCER span between the call that caused it and whoever handles it. */
async function recordOf(row: OutboxRow, source: string): Promise<BusRecord> {
  const { partition, traceparent: parent, ...event } = row;
  const place = partition === null ? {} : { partition };
  if (parent === null) return { ...event, ...place, source };
  const attributes = { 'messaging.destination.name': row.topic, 'messaging.operation.type': 'send' } as const;
  const traceparent = await withSpan(`${row.topic} publish`, { kind: SpanKind.PRODUCER, parent, attributes }, () =>
    Promise.resolve(currentTraceparent() ?? parent),
  );
  return { ...event, ...place, source, traceparent };
}

const removeRows = sql.prepared('outbox_remove', 'delete from outbox where id = any($1::uuid[])');

async function remove(tx: Tx, rows: readonly OutboxRow[]): Promise<void> {
  await removeRows(tx, [rows.map(({ id }) => id)]);
}

/** Gives the rows back, a little later: at once would be a busy loop against a bus that is down. */
async function release(tx: Tx, rows: readonly OutboxRow[]): Promise<void> {
  await execute(
    tx,
    `update outbox set leased_until = clock_timestamp() + interval '1 second' where id = any($1::uuid[])`,
    [rows.map(({ id }) => id)],
  );
}
