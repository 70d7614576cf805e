import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerCounts, OutboundRequest, WatchRequestResponse } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import type { StreamContext } from '@herald/grpc';
import type { Database } from '@herald/postgres';
import { readRequest } from '../queries/requests';

/** How soon a request that moves is looked at again; one that stands still at twice the wait each time, up to the longest. */
const LOOK_MS_MIN = 500;
const LOOK_MS_MAX = 5_000;
/** So many looks in a row may fail because the database is busy or away: it is restarted within their waits, some 20 s. */
const FAILED_LOOKS_MAX = 6;

/**
 * Tells a request at once, and whenever its counts change or it is paused or resumed, until all its messages are settled. It reads rows and
 * nothing else, so that it is the same at every replica. A database that is busy or away for a moment ends no watch that has
 * begun: it looks again at its next turn, and throws what it met when that goes on. Throws REQUEST_NOT_FOUND.
 */
export async function* watchRequest(
  database: Pick<Database, 'read'>,
  { org, signal }: Pick<StreamContext, 'org' | 'signal'>,
  id: string,
  wait = (ms: number) => pause(ms, undefined, { signal }),
): AsyncGenerator<WatchRequestResponse> {
  let shown = '';
  let waitMs = LOOK_MS_MIN;
  let failures = 0;
  const look = async (): Promise<OutboundRequest | undefined> => {
    try {
      const found = await database.read(org, (tx) => readRequest(tx, org, id));
      failures = 0;
      return found;
    } catch (error) {
      const mayPass = shown !== '' && error instanceof HeraldError && error.retryable;
      if (!mayPass || (failures += 1) > FAILED_LOOKS_MAX) throw error;
      return undefined;
    }
  };
  for (;;) {
    const outboundRequest = await look();
    const seen = outboundRequest ? JSON.stringify([outboundRequest.counts, outboundRequest.paused]) : shown;
    waitMs = seen === shown ? Math.min(2 * waitMs, LOOK_MS_MAX) : LOOK_MS_MIN;
    if (seen !== shown) yield { outboundRequest };
    shown = seen;
    if (outboundRequest && isSettled(outboundRequest.counts)) return;
    await wait(waitMs);
  }
}

/**
 * A message in any other state is settled. The provider may still correct itself, or report that what was delivered is
 * read; that is not waited for, since most often nothing comes.
 */
function isSettled(counts: LedgerCounts | undefined): boolean {
  const { queued = 0, sending = 0, unknown = 0, sent = 0 } = counts ?? {};
  return queued + sending + unknown + sent === 0;
}
