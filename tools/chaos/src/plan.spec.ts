import { FAILPOINTS } from '@herald/failpoints';
import { BUSES } from './hurt';
import { HURTS, planOf } from './plan';

const namesOf = (seed: number) => planOf(seed, 'kafka').map(({ hurt }) => hurt.name);

describe('planOf', () => {
  it.each(BUSES)('has at least 26 runs on %s', (bus) => {
    expect(planOf(1, bus).length).toBeGreaterThanOrEqual(26);
  });

  it('hits every failpoint', () => {
    const hit = new Set(HURTS.map(({ name }) => name.split('/')[0]));
    expect(FAILPOINTS.filter((name) => !hit.has(name))).toEqual([]);
  });

  it('names each hurt once', () => {
    expect(new Set(HURTS.map(({ name }) => name)).size).toBe(HURTS.length);
  });

  it('does first what ends processes in order, and next what loses reports', () => {
    const turns = planOf(7, 'kafka').map(({ hurt: { isOrderly, allowance } }) => [isOrderly, allowance.mayLoseReports]);
    expect(turns.slice(0, 2)).toEqual(Array.from({ length: 2 }, () => [true, false]));
    expect(turns.slice(2, 5)).toEqual(Array.from({ length: 3 }, () => [false, true]));
  });

  it('draws the same again from the same seed, and something else from another', () => {
    expect(namesOf(7)).toEqual(namesOf(7));
    expect(namesOf(7)).not.toEqual(namesOf(8));
    const [first, second] = [planOf(7, 'kafka'), planOf(7, 'kafka', ['sigkill'])];
    const draws = (runs: ReturnType<typeof planOf>) => {
      const dice = runs.find(({ hurt }) => hurt.name === 'sigkill')?.dice;
      return Array.from({ length: 10 }, () => dice?.between(0, 1_000));
    };
    expect(draws(second)).toEqual(draws(first));
  });
});
