import fc from 'fast-check';
import { mostWithin, overPace, type Receipt } from './over-pace';

/** Messages of so many segments each, one after the other at a rate, from a time on. */
const atRate = (segmentsPerSecond: number, { fromMs = 0, messages = 100, segments = 1 } = {}): Receipt[] =>
  Array.from({ length: messages }, (_, index) => ({
    receivedAtMs: fromMs + (index * segments * 1_000) / segmentsPerSecond,
    segments,
  }));

describe('mostWithin', () => {
  it('finds the fullest time of its length, wherever it lies', () => {
    const receipts = fc.array(fc.record({ receivedAtMs: fc.integer({ min: 0, max: 50 }), segments: fc.nat(9) }));
    fc.assert(
      fc.property(receipts, fc.integer({ min: 1, max: 60 }), (all, windowMs) => {
        const within = all.map(({ receivedAtMs: from }) =>
          all
            .filter(({ receivedAtMs: at }) => at >= from && at < from + windowMs)
            .reduce((sum, { segments }) => sum + segments, 0),
        );
        expect(mostWithin(windowMs, all)).toBe(Math.max(0, ...within));
      }),
    );
  });
});

describe('overPace', () => {
  it.each([10, 60])('finds nothing in a sender that keeps its %i a second, with messages of any size', (rate) => {
    expect(overPace(rate, [])).toEqual([]);
    for (const segments of [1, 7]) expect(overPace(rate, atRate(rate, { messages: 300, segments }))).toEqual([]);
  });

  it('finds a burst of a fast sender in a second, which is none in ten', () => {
    const receipts = [...atRate(50), ...atRate(50, { fromMs: 500, messages: 25 })];
    expect(overPace(50, receipts)).toEqual([{ windowMs: 1_000, segments: 75, segmentsMax: 56 }]);
  });

  it('finds a slow sender that makes up for a pause, or that two send through at once', () => {
    const madeUp = [...atRate(1_000, { messages: 50 }), ...atRate(10, { fromMs: 100 })];
    const twice = [...atRate(10), ...atRate(10, { fromMs: 3_000, messages: 20 })];
    expect(overPace(10, madeUp)).toMatchObject([{ windowMs: 10_000, segments: 149 }]);
    expect(overPace(10, twice)).toMatchObject([{ windowMs: 10_000, segments: 120 }]);
  });

  it('counts segments, and lets one message be over it', () => {
    const three = atRate(10, { segments: 3 });
    expect(overPace(10, three)).toEqual([]);
    expect(
      overPace(
        10,
        three.map((receipt) => ({ ...receipt, segments: 4 })),
      ),
    ).toMatchObject([{ segments: 136 }]);
  });
});
