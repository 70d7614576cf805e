import { sideBySide } from './side-by-side';

describe('sideBySide', () => {
  const recorded = () => {
    const ends = new Map<number, () => void>();
    const act = (job: number) => new Promise<number>((resolve) => ends.set(job, () => resolve(job * 10)));
    const end = async (job: number) => {
      ends.get(job)?.();
      ends.delete(job);
      await new Promise(setImmediate);
    };
    return { act, end, underWay: () => [...ends.keys()] };
  };

  it('has so many jobs under way and no more, and begins the next when one ends', async () => {
    const { act, end, underWay } = recorded();
    const stopping = new AbortController().signal;
    const done = sideBySide([1, 2, 3, 4], { atOnce: 2, stopping }, act);
    expect(underWay()).toEqual([1, 2]);
    await end(2);
    expect(underWay()).toEqual([1, 3]);
    for (const job of [3, 1, 4]) await end(job);
    expect(await done).toEqual([10, 20, 30, 40]);
  });

  it('begins no other job when it is to stop', async () => {
    const { act, end } = recorded();
    const stopping = new AbortController();
    const done = sideBySide([1, 2, 3], { atOnce: 1, stopping: stopping.signal }, act);
    stopping.abort();
    await end(1);
    expect(await done).toEqual([10]);
  });
});
