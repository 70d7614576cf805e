import type { Logger } from '@herald/telemetry';

/** While a trouble lasts it is logged this often: every webhook meets it, and strangers decide how many there are. */
export const LOG_EVERY_MS = 10_000;

/** Logs a trouble at once, and those that follow together: the next line says how many there were. */
export function troubleLog(log: Logger, monotonicMs: () => number): (error: unknown) => void {
  let loggedAtMs = -Infinity;
  let count = 0;
  return (error) => {
    count += 1;
    const now = monotonicMs();
    if (now - loggedAtMs < LOG_EVERY_MS) return;
    log.warn('Webhooks could not be taken in; their senders may come again.', { error, count });
    loggedAtMs = now;
    count = 0;
  };
}
