import type RequestQueue from 'kafkajs/src/network/requestQueue';

/**
 * Ends the busy loop of kafkajs 2.2.4: each connection checks its queue by timers that set themselves again for ever,
 * 891 times a second when idle (its issues 1556, 1604, 1704), and with a negative delay, which Node 24 warns about.
 * A check is only due when something waits; what waits because too many requests are under way is looked at when one
 * of them is answered, which the package does already.
 */
export function endBusyLoop(queue: typeof RequestQueue): void {
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function scheduleWhenSomethingWaits(
    this: (typeof RequestQueue)['prototype'],
  ) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
