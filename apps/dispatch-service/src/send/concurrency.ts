/** An account begins with so many requests at once, a third of what Twilio is said to allow; its true limit is not published. */
export const REQUESTS_AT_FIRST = 32;

/** How many requests of one account may be under way at once, learned from its answers. */
export interface Concurrency {
  /** How many by now; at least 1. */
  places(): number;
  /** Names the round of answers that a request belongs to that begins now. */
  round(): number;
  /** A message was accepted. */
  accepted(): void;
  /** The provider said that there were too many, to a request of that round. */
  throttled(round: number): void;
}

/**
 * Additive increase, multiplicative decrease: one place more for as many acceptances as there are places, and half of them
 * when the provider throttles. Requests that began before a halving say nothing about it, so that one burst of refusals
 * halves once. Never above `max` and never below 1.
 */
export function makeConcurrency(max: number): Concurrency {
  let places = Math.min(REQUESTS_AT_FIRST, max);
  let acceptances = 0;
  let round = 0;
  return {
    places: () => places,
    round: () => round,
    accepted: () => {
      acceptances += 1;
      if (acceptances < places) return;
      acceptances = 0;
      places = Math.min(places + 1, max);
    },
    throttled: (ofRound) => {
      if (ofRound !== round) return;
      round += 1;
      acceptances = 0;
      places = Math.max(1, Math.floor(places / 2));
    },
  };
}
