import type { MonthPartition } from '@herald/postgres';

/**
 * For how many days after its month what a request left is kept; at least 45, because a message may wait 35 days and is
 * valid for 7 more.
 */
export interface Retention {
  /** Requests, messages and what is known of each. */
  messageDays: number;
  /** Addresses and texts. */
  bodyDays: number;
}

/** Two summers can be compared, and texts are kept a quarter. */
export const RETENTION_DEFAULT: Retention = { messageDays: 400, bodyDays: 90 };

const DAY_MS = 24 * 3_600_000;

/**
 * The tables that are partitioned by month, in the order in which a month of them goes, and how long it is kept. Every such
 * table of the schema stands here; a spec holds that.
 */
export const MONTHLY_TABLES: readonly { table: string; kept: keyof Retention }[] = [
  { table: 'message_body', kept: 'bodyDays' },
  { table: 'message', kept: 'messageDays' },
  { table: 'message_step', kept: 'messageDays' },
];

/** The months that ended longer ago than they are kept, in the order given. */
export function overdueMonths(months: readonly MonthPartition[], keptDays: number, now: Date): MonthPartition[] {
  return months.filter(({ end }) => end.getTime() + keptDays * DAY_MS <= now.getTime());
}
