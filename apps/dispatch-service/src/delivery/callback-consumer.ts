import { SpanKind } from '@opentelemetry/api';
import { ProviderCallbacks, type ProviderCallback } from '@herald/contracts/event';
import type { BusRecord } from '@herald/bus';
import { failpoint } from '@herald/failpoints';
import { HeraldError } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { linkSpan, withSpan } from '@herald/telemetry';
import { eventOf, type EventDeps } from '../events';
import { settleCallbacks } from './settle-callbacks';

/** One transaction takes at most so many callbacks, so that its locks are held briefly. */
const CALLBACKS_PER_TRANSACTION_MAX = 500;

/** What the consumer works with. */
export interface CallbackDeps extends EventDeps {
  database: Database;
  onSettled(settled: { changed: number; ignored: number; contradictions: number }): void;
}

/**
 * Handles records of herald.callback.v1. All callbacks of one transaction are one span, a child of the first webhook's and
 * linked to the others' and to the traces that sent the messages: a span for each would cost more than the merge.
 */
export function callbackConsumer(deps: CallbackDeps): (records: readonly BusRecord[]) => Promise<void> {
  return async (records) => {
    const callbacks = records.flatMap(callbacksOf);
    for (let from = 0; from < callbacks.length; from += CALLBACKS_PER_TRANSACTION_MAX) {
      await settleSpanned(deps, callbacks.slice(from, from + CALLBACKS_PER_TRANSACTION_MAX));
    }
  };
}

function callbacksOf(record: BusRecord): readonly ProviderCallback[] {
  return eventOf(record, 'herald.event.v1.ProviderCallbacks', ProviderCallbacks).callbacks;
}

async function settleSpanned(deps: CallbackDeps, callbacks: readonly ProviderCallback[]): Promise<void> {
  const traceparents = callbacks.flatMap(({ traceparent }) => (traceparent === '' ? [] : traceparent));
  const [parent, ...links] = [...new Set(traceparents)];
  const options = { kind: SpanKind.CONSUMER, links, attributes: { 'messaging.batch.message_count': callbacks.length } };
  await withSpan('dispatch settle callbacks', parent === undefined ? options : { ...options, parent }, () =>
    settleOrEachAlone(deps, callbacks),
  );
}

/**
 * A callback that cannot be settled must not take those to its grave that share its record: they are settled each alone, and
 * the dead letter that its record becomes lacks nothing but what failed. A database that is away fails all, and is not asked
 * for each.
 */
async function settleOrEachAlone(deps: CallbackDeps, callbacks: readonly ProviderCallback[]): Promise<void> {
  try {
    return await settle(deps, callbacks);
  } catch (error) {
    if (callbacks.length === 1 || (error instanceof HeraldError && error.retryable)) throw error;
  }
  const failures: unknown[] = [];
  for (const callback of callbacks) await settle(deps, [callback]).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function settle(deps: CallbackDeps, callbacks: readonly ProviderCallback[]): Promise<void> {
  const settled = await deps.database.worker(async (tx) => {
    const merged = await settleCallbacks(tx, deps, callbacks);
    await failpoint('settle.before_commit');
    return merged;
  });
  await failpoint('settle.after_commit');
  linkSpan(settled.traceparents);
  const { changes, ignored, contradictions } = settled;
  deps.onSettled({ changed: changes.length, ignored, contradictions });
}
