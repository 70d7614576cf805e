import { HeraldError } from '@herald/errors';
import { maybe, single, sql, type Tx } from '@herald/postgres';

/** The rolling window of the quota in seconds; `interval '1 hour'` in the statements below. The documented limit is by the hour. */
const QUOTA_WINDOW_SECONDS = 3600;

/** How much of the rolling hour is used, by the ledger's clock. */
export interface QuotaState {
  used: number;
  /** When the next request will be accepted; absent while there is room. */
  nextAvailableAt?: Date;
}

const takeNumber = sql.prepared(
  'quota_take_number',
  `insert into quota_head as head (org_id, seq, last_at)
   values ($1, 1, ledger_now())
   on conflict (org_id) do update
      set seq = head.seq + 1, last_at = greatest(head.last_at, ledger_now())`,
);

// Refuses by writing nothing: the entry `limit` places back is still inside the hour. Times never go back along seq
// (greatest above, under the head's row lock), so that this one entry decides for all. A statement of its own, so that it
// sees the entries of those that the lock waited for. As `not exists` it was planned over an empty table as a join, which
// then read all of an hour's entries.
const addEntry = sql.prepared<{ acceptedAt: Date }>(
  'quota_add_entry',
  `insert into quota_entry (org_id, seq, accepted_at)
   select head.org_id, head.seq, head.last_at
     from quota_head head
    where head.org_id = $1
      and coalesce(
            (select earlier.accepted_at from quota_entry earlier
              where earlier.org_id = $1 and earlier.seq = head.seq - $2::bigint) <= head.last_at - interval '1 hour',
            true)
   returning accepted_at as "acceptedAt"`,
);

const whenNext = sql.prepared<{ now: Date; waitMs: number | null }>(
  'quota_when_next',
  `select ledger_now() as now,
          (select ceil(extract(epoch from entry.accepted_at + interval '1 hour' - ledger_now()) * 1000)::int
             from quota_head head
             join quota_entry entry on entry.org_id = head.org_id and entry.seq = head.seq + 1 - $2::bigint
            where head.org_id = $1) as "waitMs"`,
);

/**
 * Spends one request of the rolling hour; the last act of the accepting transaction, because the head's row lock makes
 * the organisation's requests follow one another from here to the commit. Throws HOURLY_REQUESTS_EXHAUSTED, and the
 * caller's rollback takes the number back.
 */
export async function spendQuota(tx: Tx, org: string, limit: number): Promise<void> {
  const [, entries] = await Promise.all([takeNumber(tx, [org]), addEntry(tx, [org, limit])]);
  if (maybe(entries)) return;
  // The head counts this request already.
  throw exhausted(limit, (await askNext(tx, org, limit + 1)).waitMs);
}

/**
 * Refuses an exhausted organisation before any work is done for it, and returns the ledger's time. It takes no lock, so
 * it may let one through that spendQuota refuses.
 */
export async function admit(tx: Tx, org: string, limit: number): Promise<Date> {
  const { now, waitMs } = await askNext(tx, org, limit);
  if (waitMs > 0) throw exhausted(limit, waitMs);
  return now;
}

/** Counts the requests of the last hour. */
export async function readQuota(tx: Tx, org: string, limit: number): Promise<QuotaState> {
  const { used } = single(
    await sql<{ used: number }>(
      tx,
      `select count(*)::int as used
         from quota_entry
        where org_id = $1 and accepted_at > (select ledger_now()) - interval '1 hour'`,
      [org],
    ),
  );
  const { now, waitMs } = await askNext(tx, org, limit);
  return { used, ...(waitMs > 0 ? { nextAvailableAt: new Date(now.getTime() + waitMs) } : {}) };
}

async function askNext(tx: Tx, org: string, limit: number): Promise<{ now: Date; waitMs: number }> {
  const { now, waitMs } = single(await whenNext(tx, [org, limit]));
  return { now, waitMs: waitMs ?? 0 };
}

function exhausted(limit: number, waitInMs: number): HeraldError {
  const retryAfterMs = Math.max(1, waitInMs);
  return new HeraldError(
    'HOURLY_REQUESTS_EXHAUSTED',
    `This organisation has used its ${limit} requests of the last hour. ` +
      'Send again after the time in RetryInfo, or put more contacts in a request.',
    {
      metadata: { limit: String(limit), windowSeconds: String(QUOTA_WINDOW_SECONDS) },
      quota: [{ subject: 'organisation', description: `${limit} requests in any ${QUOTA_WINDOW_SECONDS} seconds` }],
      retryAfterMs,
    },
  );
}
