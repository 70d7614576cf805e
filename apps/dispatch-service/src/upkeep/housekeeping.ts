import { ensureMonths, execute, type Database, type Tx } from '@herald/postgres';
import { removeAccountHours } from '../claim/account-caps';
import { removeStaleBreakers } from '../send/breaker-store';
import { forgetAddresses, removeStreams } from '../stream/forget-streams';

/** A statement removes so many rows at most, so that it holds its locks briefly. */
const ROWS_PER_ROUND_MAX = 5_000;
/** Half a million rows of a kind in each call: more than come in meanwhile at 8,000 requests a second. */
const ROUNDS_MAX = 100;

/** Makes the partitions of the months to come, and removes what is past its time, a bounded part at a time. */
export async function keepHouse(database: Database): Promise<void> {
  await database.worker(ensureMonths);
  await removeAll(database, removeQuotaEntries);
  await removeAll(database, removeRequestIds);
  await removeAll(database, (tx) => removeAccountHours(tx, ROWS_PER_ROUND_MAX));
  await database.worker(removeStaleBreakers);
  await forgetAddresses(database);
  await removeAll(database, (tx) => removeStreams(tx, ROWS_PER_ROUND_MAX));
}

async function removeAll(database: Database, remove: (tx: Tx) => Promise<number>): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if ((await database.worker(remove)) < ROWS_PER_ROUND_MAX) return;
  }
}

// The time stands in a sub-select, which is evaluated once: a volatile function itself keeps the index from being used.
function removeQuotaEntries(tx: Tx): Promise<number> {
  return execute(
    tx,
    `delete from quota_entry
      where (org_id, seq) in (
            select org_id, seq from quota_entry where accepted_at < (select ledger_now()) - interval '2 hours' limit $1)`,
    [ROWS_PER_ROUND_MAX],
  );
}

function removeRequestIds(tx: Tx): Promise<number> {
  return execute(
    tx,
    `delete from idempotency
      where (org_id, caller, rpc, request_id) in (
            select org_id, caller, rpc, request_id from idempotency
             where created_at < (select clock_timestamp()) - interval '30 days' limit $1)`,
    [ROWS_PER_ROUND_MAX],
  );
}
