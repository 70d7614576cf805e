import type { CheckLedgerResponse, LedgerCounts, Message } from '@herald/contracts/dispatch';
import type { Receipts } from './simulator-control';

/** What a demo found out. */
export interface Findings {
  contacts: number;
  ledger: CheckLedgerResponse;
  messages: readonly Pick<Message, 'id' | 'state'>[];
  receipts: Receipts;
  /** Whether the provider was told to lose reports, or to sign them wrongly. */
  areReportsLost: boolean;
  /** The positions that were open when Herald was killed, if it was. */
  openAtKill: number | undefined;
}

/** Whether the provider must have accepted a message in this state: yes, no, or nobody can tell. */
const RECEIPTS_BY_STATE: Readonly<Record<string, readonly number[]>> = {
  SENT: [1],
  DELIVERED: [1],
  READ: [1],
  UNDELIVERED: [1],
  FAILED: [0, 1],
  UNKNOWN: [0, 1],
  SKIPPED: [0],
  QUEUED: [0],
  CANCELLED: [0],
  EXPIRED: [0],
};

/** Every way in which the ledger, the messages and the provider's receipts contradict each other; none is what is expected. */
export function discrepancies(findings: Findings): string[] {
  const { openAtKill, ledger } = findings;
  const kill = openAtKill === undefined ? [] : afterKill(openAtKill, ledger.counts);
  return [...withinLedger(findings), ...againstReceipts(findings), ...againstReports(findings), ...kill];
}

function withinLedger({ contacts, ledger }: Findings): string[] {
  const found = ledger.discrepancies.map(({ subject, description }) => `ledger: ${subject}: ${description}`);
  const counts = ledger.counts;
  if (!ledger.conserved) found.push('the ledger says of itself that it is not conserved');
  if (!counts || counts.contacts !== contacts)
    found.push(`the ledger knows ${counts?.contacts ?? 0} of ${contacts} contacts`);
  if (counts && sumOfStates(counts) !== contacts)
    found.push(`the states add up to ${sumOfStates(counts)} instead of ${contacts}`);
  if (counts && counts.queued + counts.sending > 0)
    found.push(`${counts.queued + counts.sending} messages have no outcome`);
  return found;
}

function againstReceipts({ messages, receipts }: Findings): string[] {
  const found: string[] = [];
  const left = new Map(Object.entries(receipts.byMessage));
  for (const { id, state } of messages) {
    const name = state.replace('MESSAGE_STATE_', '');
    const received = left.get(id) ?? 0;
    left.delete(id);
    if (RECEIPTS_BY_STATE[name]?.includes(received) !== true)
      found.push(`message ${id} is ${name} and has ${received} receipts`);
  }
  for (const [id, received] of left)
    found.push(`the provider has ${received} receipts of ${id}, which the ledger does not know`);
  return found;
}

/** What the provider knows of a message at its end it has reported, and Herald has heard. */
function againstReports({ ledger: { counts }, receipts: { byStatus }, areReportsLost }: Findings): string[] {
  if (!counts || areReportsLost) return [];
  return (['delivered', 'undelivered'] as const).flatMap((state) => {
    const reported = byStatus[state] ?? 0;
    return counts[state] === reported
      ? []
      : [`${counts[state]} messages are ${state}, but the provider says ${reported}`];
  });
}

/** A death may leave unknown what was under way, and nothing else may suffer from it. */
function afterKill(openAtKill: number, counts: LedgerCounts | undefined): string[] {
  if (!counts) return [];
  const found: string[] = [];
  if (counts.unknown > openAtKill)
    found.push(`${counts.unknown} messages are unknown, but only ${openAtKill} were under way`);
  const others = acceptedOf(counts) - counts.unknown;
  if (counts.delivered !== others)
    found.push(`${counts.delivered} of ${others} messages that were not under way are delivered`);
  return found;
}

/** Contacts that were neither refused nor skipped. */
export function acceptedOf({ contacts, refused, skipped }: LedgerCounts): number {
  return contacts - refused - skipped;
}

function sumOfStates(counts: LedgerCounts): number {
  const { refused, skipped, cancelled, expired, queued, sending, unknown } = counts;
  return refused + skipped + cancelled + expired + queued + sending + unknown + endedOf(counts);
}

function endedOf({ sent, delivered, read, undelivered, failed }: LedgerCounts): number {
  return sent + delivered + read + undelivered + failed;
}
