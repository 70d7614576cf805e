import { sql, type Database } from '@herald/postgres';
import { LANE_BATCHES_MAX, type WaitingBatch } from './lanes';

/** Batches that become ready within this time are put in their lanes already. */
export const AHEAD_MS = 10_000;
const BATCHES_PER_SWEEP_MAX = 5_000;

/** A batch that can be sent, in so many milliseconds. */
export type OpenBatch = Omit<WaitingBatch, 'readyAtMs'> & { readyInMs: number };

/**
 * The open batches of shards that are ready or nearly so, by the database's clock: what a lost record would have
 * announced, what did not fit in memory, and after a start all that there is. Each sender's first batch comes before any
 * sender's second, so that however many are stopped or far behind, they hide no other.
 */
export async function openBatches(database: Database, shards: readonly number[]): Promise<OpenBatch[]> {
  const rows = await database.worker((tx) =>
    sql<Omit<OpenBatch, 'traceparent'> & { traceparent: string | null }>(
      tx,
      `select org, id, "channelId", priority, shard, "readyInMs", traceparent
         from (
           select org_id as org, id, channel_id as "channelId", priority, shard, traceparent, ready_at,
                  (extract(epoch from ready_at - ledger_now()) * 1000)::float8 as "readyInMs",
                  row_number() over (partition by org_id, channel_id, priority order by ready_at, id) as place
             from batch
            where shard = any($1::smallint[]) and claimed_to < size and cancelled_at is null
              and ready_at <= (select ledger_now()) + make_interval(secs => $2)
              and expires_at > (select ledger_now())) as ready
        where place <= $3
        order by place, ready_at, id
        limit $4`,
      [shards, AHEAD_MS / 1000, LANE_BATCHES_MAX, BATCHES_PER_SWEEP_MAX],
    ),
  );
  return rows.map(({ traceparent, ...row }) => ({ ...row, traceparent: traceparent ?? undefined }));
}
