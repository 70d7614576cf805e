import type { Message } from './message';
import type { Provider } from './provider';
import { countSegments } from './segments';

const LIMIT = 100;
const LIMIT_MAX = 10_000;
const REPEATED_MAX = 100;

/**
 * Receipts in the order of acceptance, with what became of each, by `sid`, `to`, `from`, `messageId`, `attempt`, `status`; `after` is the
 * `next` of the page before, `limit` at most {@link LIMIT_MAX}.
 */
export function receiptPage({ ledger }: Provider, query: URLSearchParams): Record<string, unknown> {
  const asked = Number(query.get('limit') ?? LIMIT);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, LIMIT_MAX) : LIMIT;
  const matches = matcher(query);
  const receipts: unknown[] = [];
  let position = Math.max(0, Number(query.get('after') ?? 0) || 0);
  for (; position < ledger.messages.length && receipts.length < limit; position += 1) {
    const message = ledger.messages[position];
    if (message && matches(message)) receipts.push(describe(message));
  }
  return { receipts, total: ledger.messages.length, next: position < ledger.messages.length ? String(position) : null };
}

function matcher(query: URLSearchParams): (message: Message) => boolean {
  const wanted = (name: string, value: string | null): boolean => !query.has(name) || query.get(name) === value;
  return ({ receipt, status, from }) =>
    wanted('sid', receipt.sid) &&
    wanted('to', receipt.to) &&
    wanted('from', from) &&
    wanted('messageId', receipt.messageId) &&
    wanted('attempt', receipt.attempt) &&
    wanted('status', status);
}

function describe({ receipt, status, errorCode, body, deleted, history }: Message): Record<string, unknown> {
  return { ...receipt, segments: countSegments(receipt.body), body, status, errorCode, deleted, history };
}

/** What the receipt log proves: how often each message and each attempt of it was accepted. */
export interface ReceiptSummary {
  receipts: number;
  /** Different message ids (`m` of the callback's query). */
  messages: number;
  /** Receipts whose callback names no message. */
  withoutMessageId: number;
  /** The most receipts of one attempt of one message: above one, somebody repeated a request that had been accepted. */
  maxPerAttempt: number;
  /** The most receipts of one message over all its attempts. */
  maxPerMessage: number;
  /** Messages with more than one receipt: how many, and the first of them. */
  repeatedMessages: number;
  repeated: Record<string, number>;
  byStatus: Record<string, number>;
  /** Message id → receipts; only when asked for. */
  byMessage?: Record<string, number>;
}

/** Sums up the outbound receipts. */
export function summaryOf({ ledger }: Provider, withMessages: boolean): ReceiptSummary {
  const byMessage = new Map<string, number>();
  const byAttempt = new Map<string, number>();
  const byStatus: Record<string, number> = {};
  let receipts = 0;
  for (const { receipt, status } of ledger.messages) {
    if (receipt.direction === 'inbound') continue;
    receipts += 1;
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    if (receipt.messageId === null) continue;
    increase(byMessage, receipt.messageId);
    increase(byAttempt, `${receipt.messageId}|${receipt.attempt ?? ''}`);
  }
  const repeated = [...byMessage].filter(([, count]) => count > 1);
  const named = [...byMessage.values()].reduce((sum, count) => sum + count, 0);
  return {
    receipts,
    messages: byMessage.size,
    withoutMessageId: receipts - named,
    maxPerAttempt: maximum(byAttempt),
    maxPerMessage: maximum(byMessage),
    repeatedMessages: repeated.length,
    repeated: Object.fromEntries(repeated.slice(0, REPEATED_MAX)),
    byStatus,
    ...(withMessages ? { byMessage: Object.fromEntries(byMessage) } : {}),
  };
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function maximum(counts: Map<string, number>): number {
  let most = 0;
  for (const count of counts.values()) most = Math.max(most, count);
  return most;
}
