import type { GetDispatchStatusResponse, OpenBreaker } from '@herald/contracts/dispatch';
import { single, sql, type Database, type Tx } from '@herald/postgres';
import { countOpenSlicePositions } from '../reports/ledger-store';
import { BATCH_IS_HELD } from './hold-store';

/** What the status is read from. */
export interface StatusDeps {
  database: Database;
  /** The age of the oldest event of the installation that waits to be published; 0 where none does. */
  oldestEventAgeMs(): Promise<number>;
}

interface Waiting {
  queued: number;
  held: number;
  readyAgeMs: number | null;
  idleMs: number | null;
}

/**
 * Tells how sending goes in an organisation at this moment. It reads what is open and not what was: its cost grows with
 * the backlog and the senders, never with history.
 */
export async function dispatchStatus(
  { database, oldestEventAgeMs }: StatusDeps,
  org: string,
): Promise<GetDispatchStatusResponse> {
  const own = await database.snapshot(org, async (tx) => ({
    waiting: single(await sql<Waiting>(tx, WAITING, [org])),
    sending: await countOpenSlicePositions(tx, org),
    unknown: await readUnknown(tx, org),
    holds: single(await sql<{ holds: number }>(tx, COUNT_HOLDS, [org])).holds,
  }));
  const { waiting, unknown, sending, holds } = own;
  return {
    openBreakers: await readBreakers(database, org),
    ...{ queued: waiting.queued, held: waiting.held, sending, unknown: unknown.messages, holds },
    oldestReadyAge: durationOf(waiting.readyAgeMs),
    longestIdle: durationOf(waiting.idleMs),
    oldestUnknownAge: durationOf(unknown.ageMs),
    oldestEventAge: durationOf((await oldestEventAgeMs()) || null),
  };
}

function durationOf(ms: number | null): { seconds: number; nanos: number } | undefined {
  if (ms === null || ms < 0) return undefined;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.floor((ms - seconds * 1000) * 1e6) };
}

/**
 * A sender that sends at its pace is paid for until now or later: claims follow one another without a gap. One whose
 * messages are ready, and that was free already before, is idle though it should not be. The index of what is open begins
 * with the shard, and an organisation's senders may stand on several.
 */
const WAITING = `
  with recursive shards as (
    (select batch.shard from batch
      where batch.claimed_to < batch.size and batch.cancelled_at is null order by batch.shard limit 1)
    union all
    select next.shard
      from shards
     cross join lateral (
           select batch.shard from batch
            where batch.shard > shards.shard and batch.claimed_to < batch.size and batch.cancelled_at is null
            order by batch.shard limit 1) as next)
  select coalesce(sum(messages), 0)::int as queued, coalesce(sum(messages) filter (where is_held), 0)::int as held,
         (extract(epoch from clock_timestamp() - min(ready_at) filter (where not is_held)) * 1000)::float8 as "readyAgeMs",
         (max(extract(epoch from clock_timestamp() - greatest(ready_at, paid_until))) filter (where not is_held) * 1000)::float8
           as "idleMs"
    from (
      select batch.channel_id, batch.ready_at, sender.paid_until, batch.size - batch.claimed_to as messages,
             ${BATCH_IS_HELD} as is_held
        from shards
        join batch on batch.shard = shards.shard
        left join sender on sender.org_id = batch.org_id and sender.channel_id = batch.channel_id
       where batch.org_id = $1 and batch.claimed_to < batch.size and batch.cancelled_at is null) as open`;

const BREAKERS_MAX = 50;

/** What an earlier owner of a shard found is not known to be so any more. Organisations have no rights to the table. */
function readBreakers(database: Database, org: string): Promise<OpenBreaker[]> {
  return database.worker((tx) =>
    sql<OpenBreaker>(
      tx,
      `select breaker.channel_account_id as "channelAccountId", coalesce(breaker.channel_id::text, '') as "channelId",
              breaker.reason, breaker.opened_at as "openTime"
         from breaker
         join lease on lease.shard = breaker.shard and lease.epoch = breaker.epoch
        where breaker.org_id = $1
        order by breaker.opened_at
        limit $2`,
      [org, BREAKERS_MAX],
    ),
  );
}

const COUNT_HOLDS = 'select count(*)::int as holds from hold where org_id = $1 and released_at is null';

/** Older than the longest valid_for and the day in which an outcome is settled, nothing is unknown any more. */
const UNKNOWN_DAYS = 8;

/** What became unknown stands in an index of the history; messages have none that outcomes would have to keep up. */
async function readUnknown(tx: Tx, org: string): Promise<{ messages: number; ageMs: number | null }> {
  return single(
    await sql<{ messages: number; ageMs: number | null }>(
      tx,
      `select count(*)::int as messages,
              (extract(epoch from clock_timestamp() - min(m.outcome_at)) * 1000)::float8 as "ageMs"
         from (select distinct message_id as id
                 from message_step
                where org_id = $1 and rank = 1 and at > clock_timestamp() - make_interval(days => $2)) as once
         join message m on m.org_id = $1 and m.id = once.id
        where m.rank = 1 and m.best = 0`,
      [org, UNKNOWN_DAYS],
    ),
  );
}
