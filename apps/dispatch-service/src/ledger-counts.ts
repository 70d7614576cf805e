import type { LedgerCounts } from '@herald/contracts/dispatch';
import type { PlannedContact } from './accept/plan-contacts';

/** So many messages in a state, for a reason. */
export interface StateCount {
  state: string;
  reason: string | null;
  messages: number;
}

const COUNTED = {
  SKIPPED: 'skipped',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
  QUEUED: 'queued',
  SENDING: 'sending',
  UNKNOWN: 'unknown',
  SENT: 'sent',
  DELIVERED: 'delivered',
  READ: 'read',
  UNDELIVERED: 'undelivered',
  FAILED: 'failed',
} as const;

type CountedState = keyof typeof COUNTED;
const EXPLAINED_FAILURES: ReadonlySet<string> = new Set(['FAILED', 'UNDELIVERED', 'UNKNOWN']);

/** Sums the states of messages and the refused contacts into the ledger's line. */
export function sumCounts(
  contacts: number,
  refusedByReason: Readonly<Record<string, number>>,
  states: readonly StateCount[],
): LedgerCounts {
  const counts = emptyCounts(contacts);
  for (const [reason, refused] of Object.entries(refusedByReason)) add(counts.refusedByReason, reason, refused);
  counts.refused = total(counts.refusedByReason);
  for (const { state, reason, messages } of states) {
    counts[COUNTED[state as CountedState]] += messages;
    if (state === 'SKIPPED') add(counts.skippedByReason, reason ?? 'UNSPECIFIED', messages);
    if (EXPLAINED_FAILURES.has(state)) add(counts.failedByReason, reason ?? 'UNSPECIFIED', messages);
  }
  return counts;
}

/** The ledger's line of a request at the moment it was accepted: all that was neither refused nor skipped is queued. */
export function countsAtAcceptance(
  contacts: number,
  refusedByReason: Readonly<Record<string, number>>,
  planned: readonly PlannedContact[],
): LedgerCounts {
  const states = planned.flatMap((contact): StateCount[] => {
    if (contact.kind === 'refused') return [];
    if (contact.kind === 'skipped') return [{ state: 'SKIPPED', reason: contact.reason, messages: 1 }];
    return [{ state: 'QUEUED', reason: null, messages: 1 }];
  });
  return sumCounts(contacts, refusedByReason, states);
}

/** What the states of a line add up to: the line is conserved when it equals `contacts`. */
export function statesOf(counts: LedgerCounts): number {
  return Object.values(COUNTED).reduce((sum, field) => sum + counts[field], counts.refused);
}

function emptyCounts(contacts: number): LedgerCounts {
  return {
    ...{ contacts, refused: 0, skipped: 0, cancelled: 0, expired: 0, queued: 0, sending: 0, unknown: 0, sent: 0 },
    ...{ delivered: 0, read: 0, undelivered: 0, failed: 0 },
    ...{ refusedByReason: {}, skippedByReason: {}, failedByReason: {} },
  };
}

function add(counts: Record<string, number>, reason: string, count: number): void {
  counts[reason] = (counts[reason] ?? 0) + count;
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
