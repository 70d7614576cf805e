import { types } from 'node:util';
import { sql, type Tx } from './sql';

const { isNativeError } = types;

/** Partitions stand ready for this month and so many after it. */
const MONTHS_AHEAD = 2;
const CHECK_VIOLATION = '23514';

/** One month of a table that is partitioned by month; the first moment is inclusive, the end is not. */
export interface MonthPartition {
  table: string;
  start: Date;
  end: Date;
}

/**
 * Makes the partitions of this month and the next two for every table of the schema that is partitioned; what is there
 * stays. Run as the worker. Whoever inserts into a month that has no partition all the same gets it made on the way: see
 * Database. There is no default partition, for rows in it would keep the month's own from ever being attached.
 */
export async function ensureMonths(tx: Tx): Promise<void> {
  await sql(
    tx,
    `select ensure_month_partition(c.relname, month)
       from pg_class c
      cross join generate_series(now(), now() + make_interval(months => $1), interval '1 month') as month
      where c.relkind = 'p' and c.relnamespace = current_schema()::regnamespace
      order by c.relname, month`,
    [MONTHS_AHEAD],
  );
}

/** The months that a table has partitions for, the oldest first. */
export async function monthsOf(tx: Tx, table: string): Promise<MonthPartition[]> {
  return sql<MonthPartition>(
    tx,
    `select $1 as table, first at time zone 'UTC' as start, (first + interval '1 month') at time zone 'UTC' as end
       from (select to_timestamp(right(c.relname, 7), 'YYYY_MM')::timestamp as first
               from pg_inherits i
               join pg_class c on c.oid = i.inhrelid
              where i.inhparent = to_regclass($1)) as partition
      order by first`,
    [table],
  );
}

/** The smallest UUIDv7 of a moment: what was made from then on is not below it. */
export function firstIdAt(time: Date): string {
  const hex = Math.max(0, Math.floor(time.getTime())).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Whether a write failed because no partition holds its row. */
export function lacksMonth(error: unknown): boolean {
  if (!isNativeError(error) || !('code' in error) || !('routine' in error)) return false;
  return error.code === CHECK_VIOLATION && error.routine === 'ExecFindPartition';
}
