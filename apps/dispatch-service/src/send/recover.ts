import { execute, sql, type Database, type Tx } from '@herald/postgres';
import { applyEvidence, lock } from '../evidence/evidence-store';
import { UNKNOWN_RANK } from '../evidence/merge';
import type { EventDeps } from '../events';
import { eachApart } from './each-apart';
import type { Lease } from './lease';
import type { Leases } from './leases';
import type { OpenSlices } from './open-slices';
import { recordOutcomes, type SliceOfOutcomes } from './record-outcomes';
import { MISSED } from './send-slice';

/** The longest a request to a provider takes. */
const REQUEST_TIMEOUT_SECONDS = 15;
/** For the answer's way into the ledger. */
const GRACE_SECONDS = 5;
const SLICES_PER_ROUND_MAX = 50;

/** What recovery works with. */
export interface RecoveryDeps extends EventDeps {
  database: Database;
  leases: Pick<Leases, 'shards' | 'wasTaken'>;
  /** Slices of this instance itself: it still has outcomes of some, and never came to begin others. */
  slices: Pick<OpenSlices, 'holds' | 'began' | 'forget'>;
}

type LeftSlice = Lease & SliceOfOutcomes & { hi: number };

/**
 * Ends the slices that nobody will complete any more. Messages of a dead owner without an outcome become unknown,
 * because whether they left died with it; not before the last moment at which it could have sent, plus the longest
 * request, plus a grace, all by the database's clock: until then its outcome may still arrive.
 *
 * A slice that this very instance claimed and never began was not sent: the answer to the claim's commit got lost, as
 * when the database is restarted. Its messages get a new turn, so that such a restart makes no unknowns.
 *
 * Returns how many messages became unknown.
 */
export async function recover(deps: RecoveryDeps): Promise<number> {
  const left = await deps.database.worker((tx) =>
    sql<LeftSlice>(
      tx,
      `select slice.shard, slice.epoch, slice.org_id as org, slice.batch_id as "batchId", slice.lo, slice.hi,
              batch.channel_account_id as "channelAccountId"
         from slice
         join batch on batch.org_id = slice.org_id and batch.id = slice.batch_id
        where slice.shard = any($1::smallint[]) and slice.send_before < clock_timestamp() - make_interval(secs => $2)
        order by slice.send_before
        limit $3`,
      [deps.leases.shards(), REQUEST_TIMEOUT_SECONDS + GRACE_SECONDS, SLICES_PER_ROUND_MAX],
    ),
  );
  let unknown = 0;
  await eachApart(left, async (slice) => {
    if (deps.slices.holds(slice)) return;
    const wasNeverBegun = deps.leases.wasTaken(slice) && !deps.slices.began(slice);
    const end = wasNeverBegun ? giveBack : makeUnknown;
    unknown += await deps.database.worker((tx) => end(tx, deps, slice));
    deps.slices.forget(slice);
  });
  return unknown;
}

/** The messages of a slice that have neither an outcome nor, after a new turn, another batch. */
function readOpen(tx: Tx, { org, batchId, lo, hi }: LeftSlice): Promise<{ id: string; attempt: number }[]> {
  return sql(
    tx,
    `select m.id, m.attempt
       from message m
       join batch b on b.org_id = m.org_id and b.id = m.batch_id
      where m.org_id = $1 and m.batch_id = $2 and m.position between $3 and $4 and m.rank is null and m.best = 0
        and m.expired_at is null and m.id between b.first_id and b.last_id`,
    [org, batchId, lo, hi],
  );
}

async function giveBack(tx: Tx, deps: RecoveryDeps, slice: LeftSlice): Promise<number> {
  const messages = await readOpen(tx, slice);
  const outcomes = messages.map((message) => ({ slice, message, outcome: MISSED }));
  await recordOutcomes(tx, deps, { outcomes, slices: [slice] });
  return 0;
}

async function makeUnknown(tx: Tx, deps: RecoveryDeps, slice: LeftSlice): Promise<number> {
  const { org, batchId, lo } = slice;
  const open = await readOpen(tx, slice);
  const locked = await lock(
    tx,
    open.map(({ id }) => ({ org, messageId: id })),
  );
  const evidence = locked
    // An outcome that came in before the lock stands; a message that was given a new turn is none of this slice.
    .filter((message) => message.rank === null && message.batchId === batchId)
    .map(({ id, attempt }) => ({
      ...{ org, messageId: id, attempt, rank: UNKNOWN_RANK, reason: 'OWNER_DIED' as const },
      ...{ providerCode: null, providerId: null, source: 'RECOVERY' as const },
    }));
  const { changes } = await applyEvidence(tx, deps, { locked, evidence });
  await execute(tx, 'delete from slice where org_id = $1 and batch_id = $2 and lo = $3', [org, batchId, lo]);
  return changes.length;
}
