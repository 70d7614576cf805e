import { sql, type Tx } from '@herald/postgres';

/** A reply of unknown outcome holds up the next of its conversation for so long, in which word of it usually comes. */
const UNKNOWN_SECONDS = 20;
/** A reply whose predecessor is on its way looks again after this time: a provider answers in 100 to 300 ms. */
const LOOK_AGAIN_MS = 200;
/**
 * So many earlier batches of the conversation are looked at, however long it is. One that is open or on its way is among
 * them, unless more later ones ended meanwhile than people write while a message is sent.
 */
const PREDECESSORS_MAX = 20;

/**
 * Which of these batches wait for an earlier one of their conversation, and when to look again. One is waited for while it
 * can still be claimed or has no outcome, and while its outcome has been unknown for less than 20 s. The batches are locked
 * and of one sender, whose claims follow one another; so nothing of the conversation is claimed between this and the commit.
 */
export async function busySequences(tx: Tx, org: string, batchIds: readonly string[]): Promise<Map<string, number>> {
  if (batchIds.length === 0) return new Map();
  const rows = await readBusy(tx, [org, batchIds, PREDECESSORS_MAX, UNKNOWN_SECONDS]);
  return new Map(rows.map(({ batchId, ms }) => [batchId, Math.max(ms, LOOK_AGAIN_MS)]));
}

// A batch of a reply has one message, whose id is its first_id; it stands in the batch of its newest attempt, with the
// place of the first in the sequence. Positions up to claimed_to are on their way; behind it a message waits, unless its
// batch is cancelled.
const readBusy = sql.prepared<{ batchId: string; ms: number }>(
  'sequence_busy',
  `select mine.id as "batchId", max(busy.ms)::float8 as ms
     from batch mine
    cross join lateral (
           select distinct earlier.first_id
             from (select first_id
                     from batch
                    where batch.org_id = mine.org_id and batch.sequence_key = mine.sequence_key
                      and (batch.sequence_at, batch.first_id) < (mine.sequence_at, mine.first_id)
                    order by batch.sequence_at desc, batch.first_id desc
                    limit $3) as earlier) as prior
     join message m on m.org_id = mine.org_id and m.id = prior.first_id
     join batch current on current.org_id = m.org_id and current.id = m.batch_id
    cross join lateral (
           select case
                    when m.rank is null then extract(epoch from current.ready_at - ledger_now()) * 1000
                    else extract(epoch from m.outcome_at - ledger_now() + make_interval(secs => $4)) * 1000
                  end as ms) as busy
    where mine.org_id = $1 and mine.id = any($2::uuid[]) and m.best = 0 and m.expired_at is null
      and ((m.rank is null and (m.position <= current.claimed_to or current.cancelled_at is null))
           or (m.rank = 1 and m.outcome_at > ledger_now() - make_interval(secs => $4)))
    group by mine.id`,
);
