import { sql, type Tx } from '@herald/postgres';

/**
 * Lets the checker look at batches at once: something in them is to be asked for. Only the checker knows the times, so
 * that whoever writes an outcome need not.
 */
export async function wakeChecker(tx: Tx, batches: readonly { org: string; batchId: string }[]): Promise<void> {
  if (batches.length === 0) return;
  await setTimers(tx, [batches.map(({ org }) => org), batches.map(({ batchId }) => batchId)]);
}

// Locked in one order, here and by claims, which take several batches at once too.
const setTimers = sql.prepared(
  'batch_check_now',
  `with found as (
     select batch.org_id, batch.id
       from batch
      where (batch.org_id, batch.id) in (select * from unnest($1::uuid[], $2::uuid[]))
      order by batch.org_id, batch.id
        for update)
   update batch
      set check_at = least(batch.check_at, ledger_now())
     from found
    where batch.org_id = found.org_id and batch.id = found.id`,
);
