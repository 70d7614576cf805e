/** Full jitter from a tenth of a second to half a minute, as Twilio's own library retries, only that Herald waits longer. */
const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 30_000;
/** From here on there is nothing left to spread, and the longest wait lets the attempts of a week fit their column. */
const ALWAYS_LONGEST_FROM = 10_000;

/**
 * How long a message waits for its next attempt: as long as the provider asks, and beyond that a time that chance draws
 * from a span that doubles with each attempt. So those that failed together do not come again together, and a provider
 * that is away for hours is asked more and more rarely. `chance` is from 0 to 1.
 */
export function retryWaitMs({ attempt, askedMs }: { attempt: number; askedMs: number }, chance: number): number {
  const longest = attempt >= 16 ? WAIT_MS_MAX : Math.min(WAIT_MS_MIN * 2 ** attempt, WAIT_MS_MAX);
  const share = attempt >= ALWAYS_LONGEST_FROM ? 1 : chance;
  return askedMs + WAIT_MS_MIN + share * (longest - WAIT_MS_MIN);
}
