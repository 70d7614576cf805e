import { eventually } from './eventually';

describe('eventually', () => {
  it('asks until the check no longer throws, and returns what it returned', async () => {
    let asked = 0;
    const third = () => {
      asked += 1;
      if (asked < 3) throw new Error(`only ${asked}`);
      return asked;
    };
    expect(await eventually(third)).toBe(3);
    expect(asked).toBe(3);
  });

  it('waits for a check that is itself a promise', async () => {
    let asked = 0;
    const second = async () => {
      asked += 1;
      await expect(Promise.resolve(asked)).resolves.toBe(2);
      return 'settled';
    };
    expect(await eventually(second)).toBe('settled');
  });

  it('throws the last complaint when time runs out', async () => {
    let asked = 0;
    const never = () => {
      asked += 1;
      throw new Error(`complaint ${asked}`);
    };
    const thrown: unknown = await eventually(never, 50).catch((error: unknown) => error);
    expect(thrown).toEqual(new Error(`complaint ${asked}`));
    expect(asked).toBeGreaterThan(1);
  });

  it('asks once more than never, however short the time', async () => {
    expect(await eventually(() => 'at once', 0)).toBe('at once');
    await expect(eventually(() => Promise.reject(new Error('no')), -1)).rejects.toThrow('no');
  });
});
