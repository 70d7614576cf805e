import { newId } from './new-id';

describe('newId', () => {
  it('sorts later the later it is made, also within a millisecond', () => {
    const ids = Array.from({ length: 10_000 }, newId);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]?.[14]).toBe('7');
  });

  it('sorts later also when the clock is set back', () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
    try {
      const before = Array.from({ length: 100 }, newId);
      clock.mockReturnValue(Date.now() - 3_600_000);
      const after = Array.from({ length: 100 }, newId);
      expect([...before, ...after]).toEqual([...before, ...after].toSorted());
    } finally {
      clock.mockRestore();
    }
  });
});
