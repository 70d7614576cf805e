/** A message at its provider: when it came, and its segments. */
export interface Receipt {
  receivedAtMs: number;
  segments: number;
}

/** A time in which a sender was faster than it may be. */
export interface Excess {
  windowMs: number;
  segments: number;
  segmentsMax: number;
}

const WINDOW_MS = 10_000;
/** A fast sender keeps its pace in each second too; of a slow one a second is a message or two. */
const SHORT_WINDOW_MS = 1_000;
const FAST_SEGMENTS_PER_SECOND = 50;
/** Of its pace, in hundredths, so that the bound is a whole number. */
const ALLOWED_PERCENT = 110;

/**
 * The most segments that came within any time of this length; one that begins with a message ends just before it is
 * over. The order of the receipts does not matter.
 */
export function mostWithin(windowMs: number, receipts: readonly Receipt[]): number {
  const sorted = receipts.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs);
  const leaving = sorted.values();
  let oldest = leaving.next().value;
  let [segments, most] = [0, 0];
  for (const receipt of sorted) {
    segments += receipt.segments;
    while (oldest && oldest.receivedAtMs <= receipt.receivedAtMs - windowMs) {
      segments -= oldest.segments;
      oldest = leaving.next().value;
    }
    most = Math.max(most, segments);
  }
  return most;
}

/**
 * Where a sender broke its pace at the provider (P13): in any 10 s it may be a tenth above its rate, and one message, its
 * largest; from 50 segments a second on, in any 1 s as well.
 */
export function overPace(segmentsPerSecond: number, receipts: readonly Receipt[]): Excess[] {
  const message = Math.max(0, ...receipts.map(({ segments }) => segments));
  const windowsMs = segmentsPerSecond < FAST_SEGMENTS_PER_SECOND ? [WINDOW_MS] : [WINDOW_MS, SHORT_WINDOW_MS];
  return windowsMs
    .map((windowMs) => ({
      windowMs,
      segments: mostWithin(windowMs, receipts),
      segmentsMax: Math.floor((ALLOWED_PERCENT * windowMs * segmentsPerSecond) / 100_000) + message,
    }))
    .filter(({ segments, segmentsMax }) => segments > segmentsMax);
}
