import fc from 'fast-check';
import { retryWaitMs } from './retry-wait';

const chance = fc.double({ min: 0, max: 1, noNaN: true });

describe('retryWaitMs', () => {
  it('draws from a span that doubles with each attempt, up to half a minute', () => {
    const longest = [1, 2, 3, 8, 9, 10, 1_000].map((attempt) => retryWaitMs({ attempt, askedMs: 0 }, 1));
    expect(longest).toEqual([200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
  });

  it('waits a tenth of a second at least, however chance falls, and spreads over all of the span', () => {
    expect([0, 0.25, 0.5, 1].map((share) => retryWaitMs({ attempt: 2, askedMs: 0 }, share))).toEqual([
      100, 175, 250, 400,
    ]);
  });

  it('never comes earlier than the provider asks, nor more than half a minute later', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32_767 }), fc.nat(90_000), chance, (attempt, askedMs, share) => {
        const waitMs = retryWaitMs({ attempt, askedMs }, share);
        expect(waitMs).toBeGreaterThanOrEqual(askedMs + 100);
        expect(waitMs).toBeLessThanOrEqual(askedMs + 30_000);
      }),
    );
  });

  it('lets the attempts of the longest valid_for fit their column, though chance fell for the average all week', () => {
    let attempt = 1;
    for (let ms = 0; ms < 7 * 24 * 3_600_000; attempt += 1) ms += retryWaitMs({ attempt, askedMs: 0 }, 0.5);
    expect(attempt).toBeLessThan(32_767);
  });
});
