import { sql, type Tx } from '@herald/postgres';
import type { Standing } from './when-to-look';

/** One visit takes no longer than this; who died in it leaves the batch to the next who looks. */
const VISIT_SECONDS_MAX = 300;

/** A batch whose time has come to be looked after. */
export interface DueBatch {
  org: string;
  id: string;
  channelId: string;
  channelAccountId: string;
  deliveryGuarantee: string;
  /** No attempt of it left before this time. */
  readyAt: Date;
  expiresAt: Date;
  /** Its request was cancelled: nothing of it gets another attempt. */
  isCancelled: boolean;
  checkedAt: Date | null;
  firstId: string;
  lastId: string;
  /** When it was taken, by the database's clock. */
  takenAt: Date;
}

/** A message of such a batch that may have to be asked after. */
export interface StandingMessage extends Standing {
  org: string;
  batchId: string;
  id: string;
  attempt: number;
  /** With the text, of one that is unknown; null of others, and once they are erased. */
  toAddress: string | null;
  body: string | null;
}

/**
 * Takes batches of the shards that are due, the longest overdue of each shard first; nobody else takes them meanwhile. The
 * lock keeps the rows in their places, by which they are written: joined by their keys they were, for any limit, worth a
 * scan of all batches (2,337 pages of 100,000).
 */
export const takeDue = sql.prepared<DueBatch>(
  'batch_check_take',
  `update batch
      set check_at = ledger_now() + make_interval(secs => ${VISIT_SECONDS_MAX})
    where batch.ctid = any (array(
          select taken.ctid
            from unnest($1::smallint[]) as owned (shard)
           cross join lateral (
                 select due.ctid
                   from batch due
                  where due.shard = owned.shard and due.check_at <= (select ledger_now())
                  order by due.check_at
                  limit $2
                    for update skip locked) as taken))
   returning batch.org_id as org, batch.id, channel_id as "channelId", channel_account_id as "channelAccountId",
             delivery_guarantee as "deliveryGuarantee", greatest(ready_at, created_at) as "readyAt",
             expires_at as "expiresAt", cancelled_at is not null as "isCancelled", checked_at as "checkedAt",
             first_id as "firstId", last_id as "lastId", ledger_now() as "takenAt"`,
);

/** The messages of batches that are being sent, unknown, or sent and not yet heard of. */
export function readStanding(tx: Tx, batches: readonly DueBatch[]): Promise<StandingMessage[]> {
  return standing(tx, [
    batches.map(({ org }) => org),
    batches.map(({ id }) => id),
    batches.map(({ firstId }) => firstId),
    batches.map(({ lastId }) => lastId),
  ]);
}

// offset 0 keeps the bounds of the ids with their batch: joined in another order they bound no partition.
const standing = sql.prepared<StandingMessage>(
  'message_standing',
  `select m.*, body.to_address as "toAddress", body.body
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as due (org_id, id, first_id, last_id)
     join batch on batch.org_id = due.org_id and batch.id = due.id
    cross join lateral (
          select m.org_id as org, m.batch_id as "batchId", m.id, m.attempt, m.rank, m.reason,
                 m.provider_id as "providerId", m.outcome_at as "outcomeAt", m.updated_at as "updatedAt"
            from message m
           where m.org_id = due.org_id and m.batch_id = due.id and m.position <= batch.claimed_to
             and m.id between due.first_id and due.last_id and m.best = 0 and m.expired_at is null
             and (m.rank is null or m.rank = 1 or m.rank between 10 and 40)
         offset 0) as m
     left join message_body body
       on m.rank = 1 and body.org_id = due.org_id and body.id = m.id and body.id between due.first_id and due.last_id`,
);

/** In how many milliseconds from its batch's taking a message must be looked after, Infinity for never. */
export interface NextLook {
  ms: number;
  /** Whether what it needs now was not done. */
  isPutOff: boolean;
}

/** Tells when a message of a batch must be looked after next. */
export type NextLookOf = (message: StandingMessage, batch: DueBatch) => NextLook;

/** Sets each batch's next time by its messages. The transaction holds the batches' locks, and read the messages after that. */
export async function setNextLooks(
  tx: Tx,
  { batches, messages }: { batches: readonly DueBatch[]; messages: readonly StandingMessage[] },
  nextOf: NextLookOf,
): Promise<void> {
  if (batches.length === 0) return;
  const byBatch = Map.groupBy(messages, ({ batchId }) => batchId);
  const next = batches.map((batch) => {
    const looks = (byBatch.get(batch.id) ?? []).map((message) => nextOf(message, batch));
    const ms = Math.min(Infinity, ...looks.map((look) => look.ms));
    const checkAt = ms === Infinity ? null : new Date(batch.takenAt.getTime() + ms);
    // What was put off is due at the next look as it was at this one.
    const checkedAt = looks.some(({ isPutOff }) => isPutOff) ? batch.checkedAt : batch.takenAt;
    return { checkAt, checkedAt };
  });
  await setTimes(tx, [
    batches.map(({ org }) => org),
    batches.map(({ id }) => id),
    next.map(({ checkAt }) => checkAt),
    next.map(({ checkedAt }) => checkedAt),
  ]);
}

/**
 * Ends a visit: sets each batch's next time by what its messages are by now. The batches are locked before they are
 * read: whoever makes a message unknown meanwhile either is seen, or comes after and sets the time itself.
 */
export async function endVisit(tx: Tx, batches: readonly DueBatch[], nextOf: NextLookOf): Promise<void> {
  await lockBatches(tx, [batches.map(({ org }) => org), batches.map(({ id }) => id)]);
  await setNextLooks(tx, { batches, messages: await readStanding(tx, batches) }, nextOf);
}

const lockBatches = sql.prepared(
  'batch_check_lock',
  `select 1
     from batch
    where (org_id, id) in (select * from unnest($1::uuid[], $2::uuid[]))
    order by org_id, id
      for update`,
);

const setTimes = sql.prepared(
  'batch_check_set',
  `update batch
      set check_at = visited.check_at, checked_at = visited.checked_at
     from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
          as visited (org_id, id, check_at, checked_at)
    where batch.org_id = visited.org_id and batch.id = visited.id`,
);
