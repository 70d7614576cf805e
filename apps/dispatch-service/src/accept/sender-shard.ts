import { execute, single, sql, type Tx } from '@herald/postgres';
import type { EventDeps } from '../events';

/** Where the batches of a sender are to go. */
export interface WantedShard {
  org: string;
  channelId: string;
  /** Where the organisation's settings want them. */
  wanted: number;
  /** Where those are that stand there since before senders had shards of their own. */
  orgShard: number;
}

/** The shard that the batches of a sender are to go to by the organisation's settings, and that of its organisation. */
export function shardsFor(
  { shardOf }: Pick<EventDeps, 'shardOf'>,
  { org, channelId, spreadSenders }: { org: string; channelId: string; spreadSenders: boolean },
): { wantedShard: number; orgShard: number } {
  const orgShard = shardOf(org);
  return { wantedShard: spreadSenders ? shardOf(`${org}/${channelId}`) : orgShard, orgShard };
}

/**
 * Moves a sender to the shard that is wanted, unless it has an open batch on another: all its open batches stand on one
 * shard, so that one owner paces it and keeps its order. Returns the shard it has then, which is held until the
 * transaction ends: whoever puts a batch on a sender's shard locks the row for key share, and this waits for them and
 * they for this. Claims lock it for no key update: they pass those who accept, and wait for a move alone.
 */
export async function settleShard(tx: Tx, { org, channelId, wanted, orgShard }: WantedShard): Promise<number> {
  await execute(
    tx,
    `insert into sender (org_id, channel_id, paid_until) values ($1, $2, clock_timestamp())
     on conflict (org_id, channel_id) do nothing`,
    [org, channelId],
  );
  await sql(tx, 'select 1 from sender where org_id = $1 and channel_id = $2 for update', [org, channelId]);
  // A statement of its own, so that it sees all batches of those that the lock waited for.
  const { shard } = single(
    await sql<{ shard: number }>(
      tx,
      `update sender
          set shard = case when exists (
                select 1 from batch
                 where batch.shard = coalesce(sender.shard, $4) and batch.org_id = $1 and batch.channel_id = $2
                   and batch.claimed_to < batch.size and batch.cancelled_at is null)
              then coalesce(sender.shard, $4) else $3 end
        where org_id = $1 and channel_id = $2
       returning shard`,
      [org, channelId, wanted, orgShard],
    ),
  );
  return shard;
}
