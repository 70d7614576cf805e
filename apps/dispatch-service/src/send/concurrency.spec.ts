import fc from 'fast-check';
import { makeConcurrency, REQUESTS_AT_FIRST } from './concurrency';

const accept = (concurrency: ReturnType<typeof makeConcurrency>, times: number) => {
  for (let time = 0; time < times; time += 1) concurrency.accepted();
};

describe('makeConcurrency', () => {
  it('adds one place for as many acceptances as there are places', () => {
    const concurrency = makeConcurrency(100);
    accept(concurrency, REQUESTS_AT_FIRST - 1);
    expect(concurrency.places()).toBe(32);
    accept(concurrency, 1);
    expect(concurrency.places()).toBe(33);
    accept(concurrency, 33);
    expect(concurrency.places()).toBe(34);
  });

  it('halves its places once for all requests that were under way', () => {
    const concurrency = makeConcurrency(100);
    const round = concurrency.round();
    for (let refused = 0; refused < 32; refused += 1) concurrency.throttled(round);
    expect(concurrency.places()).toBe(16);
    concurrency.throttled(concurrency.round());
    expect(concurrency.places()).toBe(8);
  });

  it('stays between one place and its maximum, whatever is answered', () => {
    const answers = fc.array(fc.oneof(fc.constant('accepted'), fc.constant('throttled')), { maxLength: 500 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), answers, (max, given) => {
        const concurrency = makeConcurrency(max);
        for (const answer of given) {
          if (answer === 'accepted') concurrency.accepted();
          else concurrency.throttled(concurrency.round());
          expect(concurrency.places()).toBeGreaterThanOrEqual(1);
          expect(concurrency.places()).toBeLessThanOrEqual(max);
        }
      }),
    );
  });
});
