import fc from 'fast-check';
import { partitionOf } from './partition';

describe('partitionOf', () => {
  /** The vectors of UtilsTest.testMurmur2 in Apache Kafka, and librdkafka's for the empty key. */
  const VECTORS: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
    ['', 275646681],
  ];

  it.each(VECTORS)('hashes %j as the Java client does', (key, hash) => {
    const positive = hash & 0x7fffffff;
    expect(partitionOf(key, 2 ** 31)).toBe(positive);
    expect(partitionOf(key, 64)).toBe(positive % 64);
  });

  it('names a partition that is there, always the same, for any key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1024 }), (key, count) => {
        const partition = partitionOf(key, count);
        expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
        expect(partitionOf(key, count)).toBe(partition);
      }),
    );
  });
});
