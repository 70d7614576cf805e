import { appendOutbox, execute, maybe, sql, type Database, type Tx } from '@herald/postgres';
import { writeSteps } from '../evidence/steps';
import { messageChanges, type EventDeps } from '../events';
import { eachApart } from '../each-apart';
import { holdLease, type Lease } from '../own/lease';
import type { Leases } from '../own/leases';

const BATCHES_PER_ROUND_MAX = 100;

/** What ending overdue batches works with. */
export interface ExpiryDeps extends EventDeps {
  database: Database;
  leases: Pick<Leases, 'of' | 'shards'>;
}

interface Overdue {
  shard: number;
  org: string;
  batchId: string;
}

/**
 * Ends the batches of our shards that waited longer than they are valid, whatever holds them up: a claim ends one too,
 * but what waits for a sender that cannot be used is not claimed.
 */
export async function expireOverdue(deps: ExpiryDeps): Promise<void> {
  const overdue = await deps.database.worker((tx) =>
    sql<Overdue>(
      tx,
      `select shard, org_id as org, id as "batchId"
         from batch
        where shard = any($1::smallint[]) and claimed_to < size and cancelled_at is null
          and expires_at <= (select ledger_now())
        order by expires_at
        limit $2`,
      [deps.leases.shards(), BATCHES_PER_ROUND_MAX],
    ),
  );
  await eachApart(overdue, async (batch) => {
    const lease = deps.leases.of(batch.shard);
    if (lease) await deps.database.worker((tx) => expire(tx, deps, { ...lease, ...batch }));
  });
}

async function expire(tx: Tx, deps: EventDeps, batch: Lease & Overdue): Promise<void> {
  if (await holdLease(tx, batch)) await expireRest(tx, deps, batch);
}

const lockOverdue = sql.prepared<{ claimedTo: number; firstId: string; lastId: string }>(
  'batch_lock_overdue',
  `select claimed_to as "claimedTo", first_id as "firstId", last_id as "lastId"
     from batch
    where org_id = $1 and id = $2 and claimed_to < size and cancelled_at is null and expires_at <= ledger_now()
      for update`,
);

/** Ends what of an overdue batch is not claimed, under the lease and the batch's row lock; nothing when it is not overdue. */
export async function expireRest(
  tx: Tx,
  deps: EventDeps,
  { org, batchId }: { org: string; batchId: string },
): Promise<void> {
  const batch = maybe(await lockOverdue(tx, [org, batchId]));
  if (!batch) return;
  const expired = await sql<{ messageId: string; requestId: string; version: number; attempt: number }>(
    tx,
    `update message
        set expired_at = ledger_now(), outcome_at = ledger_now(), updated_at = ledger_now(), reason = 'EXPIRED',
            version = version + 1
      where org_id = $1 and batch_id = $2 and position > $3 and rank is null and best = 0
        and id between $4 and $5
     returning id as "messageId", outbound_request_id as "requestId", version, attempt`,
    [org, batchId, batch.claimedTo, batch.firstId, batch.lastId],
  );
  await execute(tx, 'update batch set claimed_to = size where org_id = $1 and id = $2', [org, batchId]);
  const end = { org, state: 'EXPIRED', reason: 'EXPIRED', providerCode: null };
  const changes = expired.map((row) => ({ ...row, ...end }));
  const about = { ...end, rank: null, providerId: null, source: 'TIME' as const };
  await writeSteps(
    tx,
    deps,
    expired.map(({ messageId, attempt }) => ({ ...about, messageId, attempt })),
  );
  await appendOutbox(tx, messageChanges(changes, deps));
}
