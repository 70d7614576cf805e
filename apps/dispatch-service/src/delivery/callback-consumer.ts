import { SpanKind } from '@opentelemetry/api';
import { ProviderCallback } from '@herald/contracts/event';
import type { BusRecord } from '@herald/bus';
import { failpoint } from '@herald/failpoints';
import type { Database } from '@herald/postgres';
import { linkSpan, withSpan } from '@herald/telemetry';
import { eventOf, type EventDeps } from '../events';
import { settleCallbacks } from './settle-callbacks';

/** One transaction takes at most so many callbacks, so that its locks are held briefly. */
const CALLBACKS_PER_TRANSACTION_MAX = 200;

/** What the consumer works with. */
export interface CallbackDeps extends EventDeps {
  database: Database;
  onSettled(settled: { changed: number; ignored: number; contradictions: number }): void;
}

/**
 * Handles records of herald.callback.v1. All callbacks of one round are one span, a child of the first webhook's and
 * linked to the others' and to the traces that sent the messages: a span for each would cost more than the merge.
 */
export function callbackConsumer(deps: CallbackDeps): (records: readonly BusRecord[]) => Promise<void> {
  return async (records) => {
    for (let from = 0; from < records.length; from += CALLBACKS_PER_TRANSACTION_MAX) {
      const part = records.slice(from, from + CALLBACKS_PER_TRANSACTION_MAX);
      const traceparents = part.flatMap(({ traceparent }) => traceparent ?? []);
      const [parent, ...links] = [...new Set(traceparents)];
      const options = { kind: SpanKind.CONSUMER, links, attributes: { 'messaging.batch.message_count': part.length } };
      await withSpan('dispatch settle callbacks', parent === undefined ? options : { ...options, parent }, () =>
        settle(deps, part),
      );
    }
  };
}

async function settle(deps: CallbackDeps, records: readonly BusRecord[]): Promise<void> {
  const callbacks = records.map((record) => eventOf(record, 'herald.event.v1.ProviderCallback', ProviderCallback));
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
