/**
 * A number in [0, 1) that depends on its arguments alone, so that a simulator with the same seed makes the same choices
 * for the same recipient whatever the order in which concurrent requests arrive.
 *
 * It is FNV-1a followed by the finalizer of MurmurHash3: FNV alone leaves keys that differ in the last digit close together.
 */
export function chance(seed: number, key: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

/** A length of time, both ends included. */
export interface Span {
  minMs: number;
  maxMs: number;
}

/** A whole number of milliseconds within the span, chosen by the seed and the key. */
export function delayWithin(span: Span, seed: number, key: string): number {
  return Math.round(span.minMs + chance(seed, key) * (span.maxMs - span.minMs));
}

const RECIPIENTS_MAX = 1_000_000;

/**
 * Counts the requests to each recipient. "The nth request to this number" is the key of every seeded choice: it is the
 * same in each run, unlike a sid, a clock or the order in which different recipients come in. When more than
 * {@link RECIPIENTS_MAX} recipients were seen, the longest known is forgotten and starts again at one.
 */
export class Occurrences {
  private readonly counts = new Map<string, number>();

  next(recipient: string): number {
    const count = (this.counts.get(recipient) ?? 0) + 1;
    this.remember(recipient, count);
    return count;
  }

  /** Takes up the count of an earlier run of the simulator. */
  atLeast(recipient: string, count: number): void {
    if ((this.counts.get(recipient) ?? 0) < count) this.remember(recipient, count);
  }

  clear(): void {
    this.counts.clear();
  }

  private remember(recipient: string, count: number): void {
    this.counts.set(recipient, count);
    if (this.counts.size <= RECIPIENTS_MAX) return;
    const oldest = this.counts.keys().next();
    if (!oldest.done) this.counts.delete(oldest.value);
  }
}
