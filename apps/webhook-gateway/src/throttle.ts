/** Bounds how many webhooks of one account are let in. */
export interface Throttle {
  /** Takes one webhook's share; false when the account has none left for now. */
  admits(accountId: string): boolean;
}

/** A short code carries 100 messages a second and Twilio reports on each about three times: room for three of them. */
export const WEBHOOKS_PER_SECOND = 1_000;
/** What may come at once after a quiet time, such as the repeats after an outage of ours. */
export const BURST_MAX = 5_000;
/** The account that was quiet longest makes room; should it come back, its bucket is full. */
export const ACCOUNTS_MAX = 10_000;

/** A bucket for each account, filled by time. Only webhooks that were verified take from it: nobody can empty another's. */
export function throttle(monotonicMs: () => number): Throttle {
  const buckets = new Map<string, { left: number; atMs: number }>();
  return {
    admits: (accountId) => {
      const now = monotonicMs();
      const bucket = buckets.get(accountId) ?? { left: BURST_MAX, atMs: now };
      const refilled = Math.min(BURST_MAX, bucket.left + ((now - bucket.atMs) / 1000) * WEBHOOKS_PER_SECOND);
      const isAdmitted = refilled >= 1;
      buckets.delete(accountId);
      buckets.set(accountId, { left: isAdmitted ? refilled - 1 : refilled, atMs: now });
      const [oldest] = buckets.keys();
      if (buckets.size > ACCOUNTS_MAX && oldest !== undefined) buckets.delete(oldest);
      return isAdmitted;
    },
  };
}
