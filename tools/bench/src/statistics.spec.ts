import { latencyOf, median, percentile } from './statistics';

describe('median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  it('of nothing is nothing', () => expect(median([])).toBeUndefined());
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0, 1],
  ])('%d of 1 to 100 is %d', (share, expected) => expect(percentile(hundred, share)).toBe(expected));

  it('compares numbers, and not how they are written', () => expect(percentile([9, 10, 100], 0.5)).toBe(10));

  it('of one value is that value, and of none nothing', () => {
    expect(latencyOf([7])).toEqual({ p50: 7, p99: 7 });
    expect(latencyOf([])).toBeUndefined();
  });
});
