import { mayPass } from '@herald/channels';
import { sql, type Tx } from '@herald/postgres';
import type { LockedMessage } from '../evidence/evidence-store';
import type { StepSource } from '../evidence/steps';
import type { EventDeps, StateChange } from '../events';
import { giveNewTurns, standsAt, type NewTurn } from '../record/new-turns';

/** No sooner than this does a handset come back or a queue drain (providers.md §1.1). */
const PASSES_IN_MS = 15 * 60_000;
/** What a new attempt needs before its message expires, beyond a wait asked for: the longest that chance draws, and its turn. */
export const ATTEMPT_NEEDS_MS = 60_000;

/**
 * Gives messages another attempt that failed for a cause that may pass, a quarter of an hour later, once in a message's
 * life and while it is valid. Only those that are to be sent at least once: for all others the provider's verdict is the
 * end, because a handset may have shown what the provider says it did not reach.
 */
export async function tryOnceMore(
  tx: Tx,
  deps: EventDeps,
  {
    locked,
    changes,
    source,
  }: { locked: readonly LockedMessage[]; changes: readonly StateChange[]; source: StepSource },
): Promise<void> {
  const failed = new Set(changes.flatMap((change) => (failedForNow(change) ? [change.messageId] : [])));
  const turns = locked.flatMap((message): NewTurn[] => {
    const { org, id, batchId, attempt, deliveryGuarantee } = message;
    if (!failed.has(id) || deliveryGuarantee !== 'AT_LEAST_ONCE' || batchId === null) return [];
    const turn = { org, messageId: id, batchId, attempt, askedMs: PASSES_IN_MS, reason: 'FAILURE_MAY_PASS' as const };
    return standsAt(message, turn) ? [turn] : [];
  });
  if (turns.length === 0) return;
  const first = new Set((await selectFirst(tx, columnsOf(turns))).map(({ id }) => id));
  await giveNewTurns(tx, deps, { turns: turns.filter(({ messageId }) => first.has(messageId)), source });
}

function failedForNow({ state, providerCode }: StateChange): boolean {
  return (state === 'FAILED' || state === 'UNDELIVERED') && providerCode !== null && mayPass(providerCode);
}

function columnsOf(turns: readonly NewTurn[]): unknown[] {
  return [
    turns.map(({ org }) => org),
    turns.map(({ messageId }) => messageId),
    turns.map(({ batchId }) => batchId),
    (PASSES_IN_MS + ATTEMPT_NEEDS_MS) / 1000,
  ];
}

/** The messages among these that are valid for long enough, not cancelled, and were not given this chance before. */
const selectFirst = sql.prepared<{ id: string }>(
  'message_first_failure',
  `select failed.id
     from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as failed (org_id, id, batch_id)
     join batch on batch.org_id = failed.org_id and batch.id = failed.batch_id
    where batch.expires_at > ledger_now() + make_interval(secs => $4) and batch.cancelled_at is null
      and not exists (
            select 1 from message_step step
             where step.org_id = failed.org_id and step.message_id = failed.id and step.reason = 'FAILURE_MAY_PASS')`,
);
