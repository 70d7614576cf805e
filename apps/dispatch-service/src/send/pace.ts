/** How far a sender may be ahead of its pace: what timers and a busy process are late by, at most 5 % of a second. */
const TOLERANCE_MS = 50;

/** The pace of one sender. */
export interface Pace {
  /** When the next message may leave, at the earliest. */
  earliestMs(): number;
  /** A message of so many segments leaves now. */
  leave(segments: number, nowMs: number): void;
  /** Until when the sender is busy with what left. */
  busyUntilMs(): number;
  /** From now on it is another. */
  setRate(segmentsPerSecond: number): void;
}

/**
 * The generic cell rate algorithm in its virtual scheduling form (ITU-T I.371): each message moves the theoretical time of
 * the next by its segments at the rate, and one may leave 50 ms before its theoretical time. Messages that
 * leave no earlier than that add up, in any time W, to no more than rate × (W + 50 ms) and the last of them, however late
 * turns come; time in which nothing left is not made up for. It only follows the clock that it is told.
 */
export function makePace(segmentsPerSecond: number): Pace {
  let rate = segmentsPerSecond;
  let theoreticalMs = -Infinity;
  return {
    earliestMs: () => theoreticalMs - TOLERANCE_MS,
    leave: (segments, nowMs) => {
      theoreticalMs = Math.max(theoreticalMs, nowMs) + (segments / rate) * 1000;
    },
    busyUntilMs: () => theoreticalMs,
    setRate: (changed) => {
      rate = changed;
    },
  };
}

/** The turns of the messages of a slice, from its start: each after the segments of those before it, at the rate. */
export function turnsOf(
  messages: readonly { segments: number }[],
  { startsAtMs, segmentsPerSecond }: { startsAtMs: number; segmentsPerSecond: number },
): number[] {
  let segments = 0;
  return messages.map((message) => {
    const turnMs = startsAtMs + (segments / segmentsPerSecond) * 1000;
    segments += message.segments;
    return turnMs;
  });
}
