/** The middle value; of an even number of values the mean of the two in the middle. Undefined of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)];
  const lower = sorted[Math.ceil(half) - 1];
  return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
}

/** The smallest of the values that is not exceeded by a share of them, from 0 to 1 (nearest rank). Undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** How long something took, in milliseconds: half of all cases no longer than `p50`, 99 of 100 no longer than `p99`. */
export interface Latency {
  p50: number;
  p99: number;
}

/** The two percentiles that are printed; undefined where nothing was timed. */
export function latencyOf(durationsMs: readonly number[]): Latency | undefined {
  const [p50, p99] = [percentile(durationsMs, 0.5), percentile(durationsMs, 0.99)];
  return p50 === undefined || p99 === undefined ? undefined : { p50, p99 };
}
