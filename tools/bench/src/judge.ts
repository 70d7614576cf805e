import type { LedgerCounts } from '@herald/contracts/dispatch';

/** What is known at the end of a run: what callers were told, what the ledger says, what the provider took. */
export interface RunEvidence {
  accepted: number;
  /** The ledgers of all organisations of the run. */
  ledgers: readonly { conserved: boolean; counts: LedgerCounts | undefined }[];
  /** Messages that the sink took meanwhile; undefined where others sent to it too. */
  taken?: number;
  /** Events that are not published when the clock stops. */
  outbox: number;
  /** What every message has to be at the end. */
  end: 'queued' | 'settled' | 'delivered';
}

/** Sums of all ledgers. */
interface Sums {
  contacts: number;
  queued: number;
  /** With an outcome, whatever it is. */
  settled: number;
  delivered: number;
  unknown: number;
}

/** Adds ledgers up. A row is settled when it has an outcome: neither waiting nor being sent. */
function sumsOf(ledgers: RunEvidence['ledgers']): Sums {
  const sums: Sums = { contacts: 0, queued: 0, settled: 0, delivered: 0, unknown: 0 };
  for (const { counts } of ledgers) {
    if (!counts) continue;
    const { contacts, queued, sending, refused, skipped, cancelled, expired } = counts;
    sums.contacts += contacts;
    sums.queued += queued;
    sums.settled += contacts - queued - sending - refused - skipped - cancelled - expired;
    sums.delivered += counts.delivered;
    sums.unknown += counts.unknown;
  }
  return sums;
}

/** What is wrong with a run, in words; a run with faults has no speed. Empty where rows, answers and receipts agree. */
export function faultsOf({ accepted, ledgers, taken, outbox, end }: RunEvidence): string[] {
  const sums = sumsOf(ledgers);
  const faults: string[] = [];
  const differs = (what: string, count: number) => {
    if (count !== accepted) faults.push(`${accepted} were accepted, and ${count} ${what}`);
  };
  if (ledgers.length === 0 || !ledgers.every(({ conserved }) => conserved)) faults.push('a ledger is not conserved');
  differs('stand in the ledger', sums.contacts);
  differs(`are ${end}`, sums[end]);
  if (taken !== undefined) differs('came to the provider', taken);
  if (sums.unknown > 0) faults.push(`${sums.unknown} are unknown`);
  if (outbox > 0) faults.push(`${outbox} events are not published`);
  return faults;
}
