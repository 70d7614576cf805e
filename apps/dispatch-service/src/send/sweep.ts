import { sql, type Database } from '@herald/postgres';
import { LANE_BATCHES_MAX, type WaitingBatch } from './lanes';

/** Batches that become ready within this time are put in their lanes already. */
export const AHEAD_MS = 10_000;
/** A sweep brings so many of each lane; the lane itself is filled when it has few left. */
export const LANE_BATCHES_PER_SWEEP = 20;
const BATCHES_PER_SWEEP_MAX = 5_000;

/** A batch that can be sent, in so many milliseconds. */
export type OpenBatch = Omit<WaitingBatch, 'readyAtMs'> & { readyInMs: number };

type OpenRow = Omit<OpenBatch, 'traceparent'> & { traceparent: string | null };

/** Names the batches of one sender and priority. */
export type LaneKey = Pick<OpenBatch, 'shard' | 'org' | 'channelId' | 'priority'>;

/** What can be claimed of the lane that the row `lane` names, the earliest first; it walks the index batch_lane. */
const OF_LANE = `
  select batch.org_id as org, batch.id, batch.channel_id as "channelId", batch.priority, batch.shard, batch.traceparent,
         batch.ready_at, (extract(epoch from batch.ready_at - ledger_now()) * 1000)::float8 as "readyInMs"
    from batch
   where batch.shard = lane.shard and batch.org_id = lane.org_id and batch.channel_id = lane.channel_id
     and batch.priority = lane.priority and batch.claimed_to < batch.size and batch.cancelled_at is null
     and batch.ready_at <= (select ledger_now()) + make_interval(secs => ${AHEAD_MS / 1000})
     and batch.expires_at > (select ledger_now())
   order by batch.ready_at, batch.id`;

/** The first row of batch_lane after the row `lane`, in its shard: one look-up, however many batches a lane has. */
const NEXT_LANE = `
  select batch.shard, batch.org_id, batch.channel_id, batch.priority
    from batch
   where batch.shard = lane.shard and batch.claimed_to < batch.size and batch.cancelled_at is null
     and (batch.org_id, batch.channel_id, batch.priority) > (lane.org_id, lane.channel_id, lane.priority)
   order by batch.org_id, batch.channel_id, batch.priority
   limit 1`;

/**
 * The first open batches of each lane of the shards that are ready or nearly so, by the database's clock: what a lost
 * record would have announced, what did not fit in memory, and after a start all that there is. Each sender's first batch
 * comes before any sender's second, so that however many are stopped or far behind, they hide no other. It costs as much
 * as there are lanes, and nothing more for a lane's millionth batch.
 */
export async function openBatches(database: Database, shards: readonly number[]): Promise<OpenBatch[]> {
  const rows = await database.worker((tx) => readOpen(tx, [shards, LANE_BATCHES_PER_SWEEP, BATCHES_PER_SWEEP_MAX]));
  return rows.map(asOpenBatch);
}

const readOpen = sql.prepared<OpenRow>(
  'batch_sweep',
  `with recursive lanes as (
     select first.*
       from unnest($1::smallint[]) as owned (shard)
      cross join lateral (
             select batch.shard, batch.org_id, batch.channel_id, batch.priority
               from batch
              where batch.shard = owned.shard and batch.claimed_to < batch.size and batch.cancelled_at is null
              order by batch.org_id, batch.channel_id, batch.priority
              limit 1) as first
      union all
     select next.* from lanes as lane cross join lateral (${NEXT_LANE}) as next)
   select org, id, "channelId", open.priority, open.shard, "readyInMs", traceparent
     from lanes as lane
    cross join lateral (
           select of_lane.*, row_number() over (order by ready_at, id) as place
             from (${OF_LANE} limit $2) as of_lane) as open
    order by place, ready_at, id
    limit $3`,
);

/** The next page of one lane: as many of its open batches as it can hold, the earliest first. */
export async function laneBatches(database: Database, lane: LaneKey): Promise<OpenBatch[]> {
  const { shard, org, channelId, priority } = lane;
  const rows = await database.worker((tx) => readLane(tx, [shard, org, channelId, priority, LANE_BATCHES_MAX]));
  return rows.map(asOpenBatch);
}

const readLane = sql.prepared<OpenRow>(
  'batch_lane_page',
  `select org, id, "channelId", open.priority, open.shard, "readyInMs", traceparent
     from (select $1::smallint, $2::uuid, $3::uuid, $4::smallint) as lane (shard, org_id, channel_id, priority)
    cross join lateral (${OF_LANE} limit $5) as open
    order by ready_at, id`,
);

function asOpenBatch({ traceparent, ...row }: OpenRow): OpenBatch {
  return { ...row, traceparent: traceparent ?? undefined };
}
