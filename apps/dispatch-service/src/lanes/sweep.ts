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

/** Whether a hold in force stands on one of these subjects of the lane. */
const LANE_IS_HELD = `exists (
  select 1 from hold
   where hold.org_id = lane.org_id and hold.released_at is null
     and hold.subject_id in (lane.org_id, lane.channel_id, lane.configuration_id))`;

/**
 * What can be claimed of the part of a lane that the row `lane` names, the earliest first; it walks the index batch_lane.
 * Only batches of requests that are held one by one are passed over on the way: all other holds stand on the whole part.
 */
const OF_LANE = `
  select batch.org_id as org, batch.id, batch.channel_id as "channelId", batch.priority, batch.shard, batch.traceparent,
         batch.ready_at, (extract(epoch from batch.ready_at - ledger_now()) * 1000)::float8 as "readyInMs"
    from batch
   where batch.shard = lane.shard and batch.org_id = lane.org_id and batch.channel_id = lane.channel_id
     and batch.priority = lane.priority and batch.configuration_id = lane.configuration_id
     and batch.claimed_to < batch.size and batch.cancelled_at is null
     and batch.ready_at <= (select ledger_now()) + make_interval(secs => ${AHEAD_MS / 1000})
     and batch.expires_at > (select ledger_now())
     and not exists (
           select 1 from hold
            where hold.org_id = batch.org_id and hold.subject_id = batch.outbound_request_id and hold.released_at is null)
   order by batch.ready_at, batch.id`;

const LANE_COLUMNS = 'batch.shard, batch.org_id, batch.channel_id, batch.priority, batch.configuration_id';

/** The first row of batch_lane after the row `lane`, in its shard: one look-up, however many batches a lane has. */
const NEXT_LANE = `
  select ${LANE_COLUMNS}
    from batch
   where batch.shard = lane.shard and batch.claimed_to < batch.size and batch.cancelled_at is null
     and (batch.org_id, batch.channel_id, batch.priority, batch.configuration_id)
         > (lane.org_id, lane.channel_id, lane.priority, lane.configuration_id)
   order by batch.org_id, batch.channel_id, batch.priority, batch.configuration_id
   limit 1`;

/**
 * The first open batches of each lane of the shards that are ready or nearly so and not held, by the database's clock:
 * what a lost record would have announced, what did not fit in memory, and after a start all that there is. Each sender's
 * first batch comes before any sender's second, so that however many are stopped or far behind, they hide no other. It
 * costs as much as there are lanes, each in parts by configuration, and nothing more for a part's millionth batch, held
 * or not.
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
             select ${LANE_COLUMNS}
               from batch
              where batch.shard = owned.shard and batch.claimed_to < batch.size and batch.cancelled_at is null
              order by batch.org_id, batch.channel_id, batch.priority, batch.configuration_id
              limit 1) as first
      union all
     select next.* from lanes as lane cross join lateral (${NEXT_LANE}) as next)
   select org, id, "channelId", priority, shard, "readyInMs", traceparent
     from (
       select open.*, row_number() over (partition by org, "channelId", open.priority order by ready_at, id) as place
         from lanes as lane
        cross join lateral (${OF_LANE} limit $2) as open
        where not ${LANE_IS_HELD}) as placed
    where place <= $2
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
  `with recursive lanes as (
     (select ${LANE_COLUMNS}
        from batch
       where batch.shard = $1 and batch.org_id = $2 and batch.channel_id = $3 and batch.priority = $4
         and batch.claimed_to < batch.size and batch.cancelled_at is null
       order by batch.configuration_id
       limit 1)
      union all
     select next.*
       from lanes as lane
      cross join lateral (${NEXT_LANE}) as next
      where (next.org_id, next.channel_id, next.priority) = (lane.org_id, lane.channel_id, lane.priority))
   select org, id, "channelId", open.priority, open.shard, "readyInMs", traceparent
     from lanes as lane
    cross join lateral (${OF_LANE} limit $5) as open
    where not ${LANE_IS_HELD}
    order by ready_at, id
    limit $5`,
);

function asOpenBatch({ traceparent, ...row }: OpenRow): OpenBatch {
  return { ...row, traceparent: traceparent ?? undefined };
}
