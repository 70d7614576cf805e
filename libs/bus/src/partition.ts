const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** MurmurHash2 in 32 bits with the seed of Kafka's Java client, signed as there. */
function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tail = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(view.getInt32(at, true), MULTIPLIER);
    word = Math.imul(word ^ (word >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (tail < bytes.length) {
    for (let at = bytes.length - 1; at >= tail; at -= 1) hash ^= view.getUint8(at) << (8 * (at - tail));
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/**
 * The partition of a key among `count`, exactly as the default partitioner of Kafka's Java client chooses it: every
 * client and both transports agree, and an organisation keeps its shard whoever asks.
 */
export function partitionOf(key: string, count: number): number {
  return (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % count;
}
