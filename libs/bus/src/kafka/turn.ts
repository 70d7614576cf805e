/** How often a member of a group tells the coordinator that it lives, while it works on a batch. */
const HEARTBEAT_EVERY_MS = 3_000;

/** The time in which a batch is worked on: it ends early when the group takes the partition away or the bus stops. */
export interface Turn {
  /** Aborted when the turn is over early; its reason is the error of the heartbeat, or of the stop. */
  signal: AbortSignal;
  end(): void;
}

/**
 * Begins a turn. kafkajs sends heartbeats only between batches, and a handler that waits for its next try would be
 * thrown out of its group after 30 s; so they are sent from here. A heartbeat that fails says that the group rebalances
 * or forgot us: then the batch is given up at once and the error handed to kafkajs, which joins again.
 */
export function beginTurn(heartbeat: () => Promise<void>, stopping: AbortSignal, everyMs = HEARTBEAT_EVERY_MS): Turn {
  const over = new AbortController();
  let isBeating = false;
  const timer = setInterval(() => {
    if (isBeating) return;
    isBeating = true;
    heartbeat()
      .catch((error: unknown) => over.abort(error))
      .finally(() => (isBeating = false));
  }, everyMs);
  return { signal: AbortSignal.any([over.signal, stopping]), end: () => clearInterval(timer) };
}
