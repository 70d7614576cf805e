/** What the time is. It is an argument everywhere, so that tests can move it. */
export interface Clock {
  /** The time of day, which may jump. */
  now(): Date;
  /** Milliseconds since some moment, which only grow: for durations and deadlines. */
  monotonicMs(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
