import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const RANDOM_BYTES = 16;
/** Drawn at once for so many ids: to draw for each took 4 µs, ten times what all else of an id takes. */
const drawn = new Uint8Array(RANDOM_BYTES * 256);
let used = drawn.length;
let newestMs = -Infinity;
let counter = 0;

/**
 * A new UUIDv7: ids made later in this process sort later, also within a millisecond and when the clock is set back.
 * Each millisecond's counter begins anywhere in the lower half of its 32 bits (RFC 9562 §6.2, method 1).
 */
export function newId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const random = drawn.subarray(used, (used += RANDOM_BYTES));
  const nowMs = Date.now();
  if (nowMs > newestMs) {
    newestMs = nowMs;
    counter = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1;
  } else {
    counter += 1;
  }
  return v7({ random, msecs: newestMs, seq: counter });
}
