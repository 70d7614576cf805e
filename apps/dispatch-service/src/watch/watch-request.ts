import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerCounts, WatchRequestResponse } from '@herald/contracts/dispatch';
import type { StreamContext } from '@herald/grpc';
import type { Database } from '@herald/postgres';
import { readRequest } from '../queries/requests';

/** How soon a request that moves is looked at again; one that stands still at twice the wait each time, up to the longest. */
const LOOK_MS_MIN = 500;
const LOOK_MS_MAX = 5_000;

/**
 * Tells a request at once, and whenever its counts change or it is paused or resumed, until all its messages are settled. It reads rows and
 * nothing else, so that it is the same at every replica. Throws REQUEST_NOT_FOUND.
 */
export async function* watchRequest(
  database: Database,
  { org, signal }: Pick<StreamContext, 'org' | 'signal'>,
  id: string,
): AsyncGenerator<WatchRequestResponse> {
  let shown = '';
  let waitMs = LOOK_MS_MIN;
  for (;;) {
    const outboundRequest = await database.read(org, (tx) => readRequest(tx, org, id));
    const seen = JSON.stringify([outboundRequest.counts, outboundRequest.paused]);
    waitMs = seen === shown ? Math.min(2 * waitMs, LOOK_MS_MAX) : LOOK_MS_MIN;
    if (seen !== shown) yield { outboundRequest };
    shown = seen;
    if (isSettled(outboundRequest.counts)) return;
    await pause(waitMs, undefined, { signal });
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
