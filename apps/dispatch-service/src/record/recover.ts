import { execute, sql, type Database, type Tx } from '@herald/postgres';
import { applyEvidence, lock } from '../evidence/evidence-store';
import { UNKNOWN_RANK } from '../evidence/merge';
import type { EventDeps } from '../events';
import { eachApart } from '../each-apart';
import type { Lease } from '../own/lease';
import type { Leases } from '../own/leases';
import { MISSED } from './missed';
import type { OpenSlices } from './open-slices';
import { recordOutcomes, type SliceOfOutcomes } from './record-outcomes';

/** The longest a request to a provider takes. */
const REQUEST_TIMEOUT_SECONDS = 15;
/** For the answer's way into the ledger. */
const GRACE_SECONDS = 5;
const SLICES_PER_ROUND_MAX = 50;

/** What recovery works with. */
export interface RecoveryDeps extends EventDeps {
  database: Database;
  leases: Pick<Leases, 'shards'>;
  /** Slices of this instance itself: it still has outcomes of some, and will never begin others. */
  slices: Pick<OpenSlices, 'holds' | 'doubted' | 'isDoubted' | 'forget'>;
}

type LeftSlice = Lease & SliceOfOutcomes & { hi: number };

/**
 * Ends the slices that nobody will complete any more. Messages of a dead owner without an outcome become unknown,
 * because whether they left died with it; not before the last moment at which it could have sent, plus the longest
 * request, plus a grace, all by the database's clock: until then its outcome may still arrive.
 *
 * Returns how many messages became unknown.
 */
export async function recover(deps: RecoveryDeps): Promise<number> {
  const left = await deps.database.worker((tx) =>
    sql<LeftSlice>(
      tx,
      `${SELECT_SLICES}
        where slice.shard = any($1::smallint[]) and slice.send_before < clock_timestamp() - make_interval(secs => $2)
        order by slice.send_before
        limit $3`,
      [deps.leases.shards(), REQUEST_TIMEOUT_SECONDS + GRACE_SECONDS, SLICES_PER_ROUND_MAX],
    ),
  );
  let unknown = 0;
  await eachApart(left, async (slice) => {
    if (deps.slices.holds(slice) || deps.slices.isDoubted(slice)) return;
    unknown += await deps.database.worker((tx) => makeUnknown(tx, deps, slice));
  });
  return unknown;
}

/**
 * Gives the messages of slices in doubt a new turn, whoever owns their shards by now: nothing of them was sent. This is a
 * matter of a live instance, whose database was restarted or which stood still while its claim was answered; it makes no
 * unknowns if it comes before the owner judges the slice.
 *
 * Not before the last moment at which such a slice could be sent: until then one that stands may be of a later claim of the
 * same positions, whose answer is under way. With `isLast` no claim is under way any more, and all are given back at once.
 */
export async function giveBack(deps: RecoveryDeps, { isLast = false } = {}): Promise<void> {
  const doubted = deps.slices.doubted();
  if (doubted.length === 0) return;
  const standing = await deps.database.worker((tx) =>
    sql<LeftSlice>(
      tx,
      `${SELECT_SLICES}
         join unnest($1::uuid[], $2::uuid[], $3::int[], $4::smallint[], $5::bigint[])
              as doubted (org_id, batch_id, lo, shard, epoch)
           on slice.org_id = doubted.org_id and slice.batch_id = doubted.batch_id and slice.lo = doubted.lo
              and slice.shard = doubted.shard and slice.epoch = doubted.epoch
        where $6 or slice.send_before < clock_timestamp()`,
      [
        ...[doubted.map(({ org }) => org), doubted.map(({ batchId }) => batchId), doubted.map(({ lo }) => lo)],
        ...[doubted.map(({ shard }) => shard), doubted.map(({ epoch }) => epoch), isLast],
      ],
    ),
  );
  await eachApart(standing, async (slice) => {
    await deps.database.worker(async (tx) => {
      const outcomes = (await readOpen(tx, slice)).map((message) => ({ slice, message, outcome: MISSED }));
      await recordOutcomes(tx, deps, { outcomes, slices: [slice] });
    });
    deps.slices.forget(slice);
  });
}

const SELECT_SLICES = `select slice.shard, slice.epoch, slice.org_id as org, slice.batch_id as "batchId", slice.lo, slice.hi,
              batch.channel_account_id as "channelAccountId"
         from slice
         join batch on batch.org_id = slice.org_id and batch.id = slice.batch_id`;

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
