import { giveTime, monthsOf, single, sql, type Database, type MonthPartition, type Tx } from '@herald/postgres';
import { MONTHLY_TABLES, overdueMonths, type Retention } from './retention';
import { departing, hasOpenMessages, rollUp } from './roll-up';

/** What a statement over a month may take: by what ten million messages take, this is for a thousand million. */
const MONTH_STATEMENT_MS_MAX = 3_600_000;

/** What dropping months works with. */
export interface DropDeps {
  database: Database;
  retention: Retention;
  /** Told of each month that went, as 202511. */
  onDropped(month: { table: string; month: number }): void;
}

/**
 * Drops the months that are kept no longer, the oldest first. A month with a message that is open stays, and so do those
 * after it.
 *
 * A month of messages is frozen first, and then goes, with all that belongs to its requests, in the transaction that adds
 * their counts to the days of the ledger: a crash leaves either the rows or the counts. What ended less than six
 * weeks ago the database itself keeps.
 */
export async function dropMonths(deps: DropDeps): Promise<void> {
  for (const { table, kept } of MONTHLY_TABLES) {
    // What is known of a message is not kept longer than the message.
    const keptDays = Math.min(deps.retention[kept], deps.retention.messageDays);
    let month = await oldestDue(deps.database, { table, keptDays });
    while (month && (await drop(deps.database, month))) {
      deps.onDropped({ table, month: month.start.getUTCFullYear() * 100 + month.start.getUTCMonth() + 1 });
      month = await oldestDue(deps.database, { table, keptDays });
    }
  }
}

/** The table's oldest month, if it is due and nothing in it is open; of messages it is frozen when it comes back. */
function oldestDue(
  database: Database,
  { table, keptDays }: { table: string; keptDays: number },
): Promise<MonthPartition | undefined> {
  return database.worker(async (tx) => {
    await giveTime(tx, MONTH_STATEMENT_MS_MAX);
    if (!(await isAlone(tx))) return undefined;
    const { now } = single(await sql<{ now: Date }>(tx, 'select ledger_now() as now'));
    const [month] = overdueMonths(await monthsOf(tx, table), keptDays, now);
    if (!month || (await hasOpenMessages(tx, month))) return undefined;
    if (table === 'message') await sql(tx, 'select freeze_month_partition($1, $2)', [table, month.start]);
    return month;
  });
}

/** False, with nothing done, where another instance is at it, or a message was opened before the month was frozen. */
function drop(database: Database, month: MonthPartition): Promise<boolean> {
  return database.worker(async (tx) => {
    await giveTime(tx, MONTH_STATEMENT_MS_MAX);
    if (!(await isAlone(tx))) return false;
    if (month.table === 'message' && (await hasOpenMessages(tx, month))) {
      await sql(tx, 'select thaw_month_partition($1, $2)', [month.table, month.start]);
      return false;
    }
    if (month.table === 'message') await keepCounts(tx, month);
    await sql(tx, 'select drop_month_partition($1, $2)', [month.table, month.start]);
    return true;
  });
}

async function isAlone(tx: Tx): Promise<boolean> {
  const rows = await sql<{ isAlone: boolean }>(
    tx,
    `select pg_try_advisory_xact_lock(hashtext('herald dispatch drop months')) as "isAlone"`,
  );
  return single(rows).isAlone;
}

async function keepCounts(tx: Tx, month: MonthPartition): Promise<void> {
  const leaving = await departing(tx, month);
  await rollUp(tx, month, leaving);
  await sql(tx, 'select forget_requests($1, $2::uuid[], $3::uuid[], $4::uuid[])', [
    ...[month.end, leaving.orgs, leaving.late, leaving.strays],
  ]);
}
