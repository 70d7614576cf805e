import type { ReceiptSummary } from '@herald/simulator';

/** What the receipts prove: how often the provider accepted each message, and how it says that they ended. */
export type Receipts = Required<Pick<ReceiptSummary, 'receipts' | 'byMessage' | 'byStatus'>>;

/** A message of Herald's at the simulator. */
interface AcceptedMessage {
  messageId: string;
  attempt: number;
  receivedAtMs: number;
  segments: number;
}

const IDLE_TIMEOUT_MS = 60_000;
const RECEIPTS_PER_PAGE = 10_000;

interface ReceiptPage {
  receipts: { messageId: string | null; attempt: string | null; acceptedAt: string; segments: number }[];
  next: string | null;
}

/** Asks a simulator, by its control API, what it accepted. Its word is what the ledger is compared with. */
export function simulatorControl(url: string) {
  const ask = async <Answer>(path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, init);
    if (!response.ok) throw new Error(`the simulator answered ${response.status} to ${path}`);
    return (await response.json()) as Answer;
  };
  return {
    receipts: () => ask<Receipts>('/receipts/summary?byMessage=true'),
    /** Every message of Herald's that it has accepted, and when, in that order. */
    all: async (): Promise<AcceptedMessage[]> => {
      const all: AcceptedMessage[] = [];
      for (let after: string | null = '0'; after !== null;) {
        const page: ReceiptPage = await ask(`/receipts?limit=${RECEIPTS_PER_PAGE}&after=${after}`);
        for (const { messageId, attempt, acceptedAt, segments } of page.receipts)
          if (messageId !== null)
            all.push({ messageId, attempt: Number(attempt), receivedAtMs: Date.parse(acceptedAt), segments });
        after = page.next;
      }
      return all;
    },
    /** Has it go wrong as a specification says from now on. */
    goWrong: (faults: string) => ask('/faults', { method: 'POST', body: JSON.stringify({ faults }) }),
    /** How many messages it has accepted so far. */
    received: async () => (await ask<ReceiptSummary>('/receipts/summary')).receipts,
    /** Resolves when no status and no callback is pending any more. */
    idle: () => ask('/idle', { method: 'POST', body: JSON.stringify({ timeoutMs: IDLE_TIMEOUT_MS }) }),
  };
}
