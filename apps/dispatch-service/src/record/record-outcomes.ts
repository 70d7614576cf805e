import type { SendOutcome } from '@herald/channels';
import { execute, type Tx } from '@herald/postgres';
import { applyEvidence, lock, type LockedMessage, type MessageEvidence } from '../evidence/evidence-store';
import { writeFirstWords } from '../evidence/first-words';
import { UNKNOWN_RANK } from '../evidence/merge';
import { joinProviderIds } from '../evidence/provider-refs';
import type { EventDeps } from '../events';
import type { ClaimedMessage, ClaimedSlice } from '../claim/claim';
import { giveNewTurns, standsAt, type NewTurn } from './new-turns';

/** What recording needs to know of a slice. */
export type SliceOfOutcomes = Pick<ClaimedSlice, 'org' | 'batchId' | 'lo' | 'channelAccountId'>;

/** One message of a slice, and what became of its send. */
export interface SentOutcome {
  slice: SliceOfOutcomes;
  message: Pick<ClaimedMessage, 'id' | 'attempt'>;
  outcome: SendOutcome;
}

/**
 * Writes the outcomes of messages of which nothing else is known, which are nearly all, and deletes the slices that are
 * complete with these if that was all. Returns the outcomes that recordOutcomes has to write after it, with the slices.
 */
export async function recordFirstWords(
  tx: Tx,
  deps: EventDeps,
  { outcomes, slices }: { outcomes: readonly SentOutcome[]; slices: readonly SliceOfOutcomes[] },
): Promise<SentOutcome[]> {
  const earlierWord = await joinProviderIds(tx, outcomes.flatMap(providerIdOf));
  const heard = new Set(earlierWord.map(({ messageId }) => messageId));
  const evidence = outcomes.flatMap(evidenceOf).filter(({ messageId }) => !heard.has(messageId));
  const written = await writeFirstWords(tx, deps, evidence);
  const rest = outcomes.filter(({ message }) => !written.has(message.id));
  if (rest.length === 0) await deleteSlices(tx, slices);
  return rest;
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
  await giveNewTurns(tx, deps, { turns: turnsOf(outcomes, locked), source: 'SEND' });
  await deleteSlices(tx, slices);
}

function evidenceOf({ slice, message, outcome }: SentOutcome): MessageEvidence[] {
  const about = { org: slice.org, messageId: message.id, attempt: message.attempt, source: 'SEND' as const };
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
 * The messages that never left and still have to. One that has another outcome by now stays as it is: a callback proves
 * that it left after all.
 */
function turnsOf(outcomes: readonly SentOutcome[], locked: readonly LockedMessage[]): NewTurn[] {
  const standing = new Map(locked.map((message) => [message.id, message]));
  return outcomes.flatMap(({ slice, message, outcome }) => {
    if (outcome.kind !== 'not_sent') return [];
    const { org, batchId } = slice;
    const { reason, retryAfterMs: askedMs } = outcome;
    const turn = { org, batchId, messageId: message.id, attempt: message.attempt, askedMs, reason };
    const current = standing.get(message.id);
    const hasNoWord = current?.rank === null || current?.rank === UNKNOWN_RANK;
    return hasNoWord && standsAt(current, turn) ? [turn] : [];
  });
}

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
