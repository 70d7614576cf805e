import type { SendOutcome } from '@herald/channels';
import { appendOutbox, execute, single, sql, type Tx } from '@herald/postgres';
import { applyEvidence, lock, type LockedMessage, type MessageEvidence } from '../evidence/evidence-store';
import { UNKNOWN_RANK } from '../evidence/merge';
import { joinProviderIds } from '../evidence/provider-refs';
import { batchReady, messageChanges, type EventDeps } from '../events';
import type { ClaimedMessage, ClaimedSlice } from './claim';

/** What recording needs to know of a slice. */
export type SliceOfOutcomes = Pick<ClaimedSlice, 'org' | 'batchId' | 'lo' | 'channelAccountId'>;

/** One message of a slice, and what became of its send. */
export interface SentOutcome {
  slice: SliceOfOutcomes;
  message: Pick<ClaimedMessage, 'id' | 'attempt'>;
  outcome: SendOutcome;
}

/**
 * Writes outcomes, gives what was not sent a new turn, and deletes the slices that are complete with these: one
 * transaction, guarded by message and attempt and never by the lease, because what the provider answered is true
 * whoever owns the shard by now. Writing the same outcomes twice changes nothing.
 */
export async function recordOutcomes(
  tx: Tx,
  deps: EventDeps,
  { outcomes, slices }: { outcomes: readonly SentOutcome[]; slices: readonly SliceOfOutcomes[] },
): Promise<void> {
  // Provider ids before messages, here and where callbacks are settled: two that lock in one order never deadlock.
  const earlierWord = await joinProviderIds(tx, outcomes.flatMap(providerIdOf));
  const locked = await lock(
    tx,
    outcomes.map(({ slice, message }) => ({ org: slice.org, messageId: message.id })),
  );
  const evidence = [...outcomes.flatMap(evidenceOf), ...earlierWord];
  await applyEvidence(tx, deps, { locked, evidence });
  await giveNewTurns(
    tx,
    deps,
    locked,
    outcomes.filter(({ outcome }) => outcome.kind === 'not_sent'),
  );
  await deleteSlices(tx, slices);
}

function evidenceOf({ slice, message, outcome }: SentOutcome): MessageEvidence[] {
  const about = { org: slice.org, messageId: message.id, attempt: message.attempt };
  switch (outcome.kind) {
    case 'accepted':
      return [{ ...about, rank: outcome.rank, reason: null, providerCode: null, providerId: outcome.providerId }];
    case 'refused':
      return [{ ...about, rank: REFUSED_RANK, reason: outcome.reason, providerCode: outcome.code, providerId: null }];
    case 'unknown':
      return [{ ...about, rank: UNKNOWN_RANK, reason: outcome.reason, providerCode: null, providerId: null }];
    case 'not_sent':
      return [];
  }
}

/** A refusal at the door ranks as the provider's own "failed". */
const REFUSED_RANK = 60;

function providerIdOf({ slice, message, outcome }: SentOutcome) {
  if (outcome.kind !== 'accepted') return [];
  const { org, channelAccountId } = slice;
  return [{ org, channelAccountId, providerId: outcome.providerId, messageId: message.id, attempt: message.attempt }];
}

/**
 * Moves messages that never left to a new batch of the same sender, guarantee and expiry, as their next attempt. One
 * that has another outcome by now stays: a callback proves that it left after all.
 */
async function giveNewTurns(
  tx: Tx,
  deps: EventDeps,
  locked: readonly LockedMessage[],
  notSent: readonly SentOutcome[],
): Promise<void> {
  const standing = new Map(locked.map((message) => [message.id, message]));
  const open = notSent.filter(({ slice, message }) => {
    const current = standing.get(message.id);
    const hasNoWord = current?.rank === null || current?.rank === UNKNOWN_RANK;
    return hasNoWord && current.attempt === message.attempt && current.batchId === slice.batchId && current.best === 0;
  });
  const byBatch = Map.groupBy(open, ({ slice }) => `${slice.org}/${slice.batchId}`);
  for (const together of byBatch.values()) await moveToNewBatch(tx, deps, together);
}

async function moveToNewBatch(tx: Tx, deps: EventDeps, outcomes: readonly SentOutcome[]): Promise<void> {
  const [first] = outcomes;
  if (!first) return;
  const { org, batchId } = first.slice;
  const sorted = [...outcomes].sort((a, b) => (a.message.id < b.message.id ? -1 : 1));
  const ids = sorted.map(({ message }) => message.id);
  const newBatchId = deps.newId();
  const waitMs = Math.max(...outcomes.map(waitOf));
  const batch = single(
    await insertFollowingBatch(tx, [org, batchId, newBatchId, waitMs / 1000, ids.length, ids[0], ids[ids.length - 1]]),
  );
  const moved = await moveMessages(tx, [
    ...[org, newBatchId, batch.isTooLate, ids],
    sorted.map(({ outcome }) => (outcome.kind === 'not_sent' ? outcome.reason : null)),
  ]);
  const changes = moved.map((row) => {
    const state = batch.isTooLate ? 'EXPIRED' : 'QUEUED';
    return { ...row, org, state, providerCode: null };
  });
  const ready = batch.isTooLate ? [] : [batchReady({ ...batch, org, id: newBatchId }, deps)];
  await appendOutbox(tx, [...messageChanges(changes, deps), ...ready]);
}

/**
 * The wait grows by a second with each attempt, so that a provider that is away for hours is not asked by each message
 * every second. It bounds the attempts too: those of the longest valid_for, a week, fit their column.
 */
const WAIT_PER_ATTEMPT_MS = 1_000;
const WAIT_MS_MAX = 30_000;

function waitOf({ message, outcome }: SentOutcome): number {
  const asked = outcome.kind === 'not_sent' ? outcome.retryAfterMs : 0;
  return Math.max(asked, Math.min(message.attempt * WAIT_PER_ATTEMPT_MS, WAIT_MS_MAX));
}

interface FollowingBatch {
  channelId: string;
  priority: number;
  shard: number;
  readyAt: Date;
  isTooLate: boolean;
}

/**
 * A batch that would be ready only after its expiry is closed from the start. It goes where its sender's batches go by
 * now, under the lock that keeps them there: while it was sent the sender may have moved.
 */
const insertFollowingBatch = sql.prepared<FollowingBatch>(
  'batch_follow',
  `insert into batch
     (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at, expires_at,
      size, claimed_to, first_id, last_id, traceparent, created_at)
   select org_id, $3, coalesce((
            select sender.shard from sender
             where sender.org_id = batch.org_id and sender.channel_id = batch.channel_id
               for key share), shard), channel_id, channel_account_id, priority, delivery_guarantee,
          ledger_now() + make_interval(secs => $4), expires_at, $5,
          case when ledger_now() + make_interval(secs => $4) >= expires_at then $5 else 0 end, $6, $7, traceparent,
          ledger_now()
     from batch
    where org_id = $1 and id = $2
   returning channel_id as "channelId", priority, shard, ready_at as "readyAt", ready_at >= expires_at as "isTooLate"`,
);

const moveMessages = sql.prepared<{ messageId: string; requestId: string; version: number; reason: string | null }>(
  'message_move',
  `update message m
      set batch_id = $2, position = moved.position, attempt = m.attempt + 1, rank = null, provider_code = null,
          provider_id = null, reason = case when $3 then 'EXPIRED' else moved.reason end,
          outcome_at = case when $3 then ledger_now() end, expired_at = case when $3 then ledger_now() end,
          version = m.version + 1, updated_at = ledger_now()
     from unnest($4::uuid[], $5::text[]) with ordinality as moved (id, reason, position)
    where m.org_id = $1 and m.id = moved.id
   returning m.id as "messageId", m.outbound_request_id as "requestId", m.version, m.reason`,
);

async function deleteSlices(tx: Tx, slices: readonly SliceOfOutcomes[]): Promise<void> {
  if (slices.length === 0) return;
  await execute(
    tx,
    `delete from slice
      using unnest($1::uuid[], $2::uuid[], $3::int[]) as done (org_id, batch_id, lo)
      where slice.org_id = done.org_id and slice.batch_id = done.batch_id and slice.lo = done.lo`,
    [slices.map(({ org }) => org), slices.map(({ batchId }) => batchId), slices.map(({ lo }) => lo)],
  );
}
