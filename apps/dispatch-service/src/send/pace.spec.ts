import fc from 'fast-check';
import { makePace, turnsOf } from './pace';

interface Departure {
  atMs: number;
  segments: number;
}

/** Sends what always waits, at the turns that a late timer gives it. */
const departuresOf = (segmentsPerSecond: number, messages: readonly { segments: number; lateMs: number }[]) => {
  const pace = makePace(segmentsPerSecond);
  let nowMs = 0;
  return messages.map(({ segments, lateMs }): Departure => {
    nowMs = Math.max(nowMs, pace.earliestMs()) + lateMs;
    pace.leave(segments, nowMs);
    return { atMs: nowMs, segments };
  });
};

/** The most segments that left in any time of a length, less one message. */
const mostIn = (windowMs: number, departures: readonly Departure[]) =>
  Math.max(
    ...departures.map(({ atMs: fromMs }) => {
      const within = departures.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + windowMs);
      return within.reduce((sum, { segments }) => sum + segments, 0) - (within.at(-1)?.segments ?? 0);
    }),
  );

const message = fc.record({
  segments: fc.integer({ min: 1, max: 10 }),
  lateMs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.integer({ min: 0, max: 2_000 })),
});
const messages = fc.array(message, { minLength: 1, maxLength: 200 });
const rates = fc.integer({ min: 1, max: 2_000 });

describe('makePace', () => {
  it('P13: lets no more go than the rate and 5 % in any second, and one message, however late turns come', () => {
    fc.assert(
      fc.property(rates, messages, (rate, waiting) => {
        const departures = departuresOf(rate, waiting);
        expect(mostIn(1_000, departures)).toBeLessThanOrEqual(rate * 1.05 + 1e-6);
        expect(mostIn(10_000, departures)).toBeLessThanOrEqual(rate * 10.05 + 1e-6);
      }),
    );
  });

  it('P13: loses nothing of the rate where timers are a few milliseconds late', () => {
    const late = Array.from({ length: 1_000 }, (_, index) => ({ segments: 1, lateMs: (index * 7) % 5 }));
    const departures = departuresOf(100, late);
    expect(departures.at(-1)?.atMs).toBeLessThan(10_000);
  });

  it('gives no credit for time in which nothing left', () => {
    const pace = makePace(10);
    pace.leave(1, 0);
    pace.leave(1, 60_000);
    expect(pace.earliestMs()).toBe(60_050);
    expect(pace.busyUntilMs()).toBe(60_100);
  });

  it('follows a rate that is changed', () => {
    const pace = makePace(10);
    pace.leave(1, 0);
    pace.setRate(100);
    pace.leave(1, 100);
    expect(pace.busyUntilMs()).toBe(110);
  });
});

describe('turnsOf', () => {
  it('P13: gives each message its turn after the segments before it', () => {
    const slice = [{ segments: 1 }, { segments: 3 }, { segments: 1 }];
    expect(turnsOf(slice, { startsAtMs: 1_000, segmentsPerSecond: 10 })).toEqual([1_000, 1_100, 1_400]);
  });
});
