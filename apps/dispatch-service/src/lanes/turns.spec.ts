import { setImmediate as turn } from 'node:timers/promises';
import { makeLanes, type Lane } from './lanes';
import { makeTurns } from './turns';

const lanes = makeLanes();
const laneOf = (org: string, channelId = 'c'): Lane => {
  const batch = { org, id: 'b', channelId, priority: 0, shard: 3, readyAtMs: 0, traceparent: undefined };
  const lane = lanes.add(batch)?.lane;
  if (!lane) throw new Error('the lane is there already');
  return lane;
};

describe('makeTurns', () => {
  it('gives three turns at once, and the next when one ends', async () => {
    const turns = makeTurns(() => true, new AbortController().signal);
    const all = ['a1', 'a2', 'a3', 'a4'].map((org) => laneOf(org));
    const taken: Lane[] = [];
    for (const lane of all) void turns.take(lane).then(() => taken.push(lane));
    await turn();
    expect(taken).toEqual(all.slice(0, 3));
    all.slice(0, 1).forEach((lane) => turns.end(lane, 100));
    await turn();
    expect(taken).toEqual(all);
  });

  it('P12: gives one that comes new its turn before the many lanes of another', async () => {
    const turns = makeTurns(() => true, new AbortController().signal);
    const many = Array.from({ length: 30 }, (_, index) => laneOf('b1', `c${index}`));
    const taken: Lane[] = [];
    const take = (lane: Lane) => void turns.take(lane).then(() => taken.push(lane));
    for (const lane of many) take(lane);
    await turn();
    for (const lane of taken.slice(0, 2)) {
      turns.end(lane, 400);
      await turn();
    }
    const small = laneOf('b2');
    take(small);
    const [, , third] = taken;
    if (third) turns.end(third, 400);
    await turn();
    expect(taken.indexOf(small)).toBe(5);
  });

  it('gives none while there is no room for outcomes, and then to whose turn it is by then', async () => {
    jest.useFakeTimers();
    try {
      let hasRoom = false;
      const turns = makeTurns(() => hasRoom, new AbortController().signal);
      const taken = jest.fn();
      void turns.take(laneOf('c1')).then(taken);
      await jest.advanceTimersByTimeAsync(1_000);
      expect(taken).not.toHaveBeenCalled();
      hasRoom = true;
      await jest.advanceTimersByTimeAsync(20);
      expect(taken).toHaveBeenCalledTimes(1);
    } finally {
      jest.useRealTimers();
    }
  });

  it('lets everybody go at the stop', async () => {
    const stopping = new AbortController();
    const turns = makeTurns(() => false, stopping.signal);
    const all = Array.from({ length: 10 }, (_, index) => turns.take(laneOf('d1', `c${index}`)));
    stopping.abort();
    await expect(Promise.all(all)).resolves.toHaveLength(10);
  });
});
