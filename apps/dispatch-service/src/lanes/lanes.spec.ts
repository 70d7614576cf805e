import { LANE_BATCHES_MAX, makeLanes, type WaitingBatch } from './lanes';

const batchOf = (id: string, changes: Partial<WaitingBatch> = {}): WaitingBatch => ({
  ...{ org: 'o', id, channelId: 'c', priority: 0, shard: 3, readyAtMs: 0, traceparent: undefined },
  ...changes,
});

describe('makeLanes', () => {
  it('keeps organisations and senders apart', () => {
    const lanes = makeLanes();
    const added = [batchOf('1'), batchOf('2', { org: 'p' }), batchOf('3', { channelId: 'd' })];
    expect(added.map((batch) => lanes.add(batch)?.isNew)).toEqual([true, true, true]);
    expect(lanes.add(batchOf('5'))?.isNew).toBe(false);
  });

  it('has the batches that are ready, agents’ replies apart, each in their order', () => {
    const lanes = makeLanes();
    const lane = lanes.add(batchOf('second', { readyAtMs: 2 }))?.lane;
    lanes.add(batchOf('first', { readyAtMs: 1 }));
    lanes.add(batchOf('later', { readyAtMs: 20 }));
    lanes.add(batchOf('reply', { priority: 1, readyAtMs: 3 }));
    const { replies, others } = lane?.ready(10, 50) ?? { replies: [], others: [] };
    expect(replies.map(({ id }) => id)).toEqual(['reply']);
    expect(others.map(({ id }) => id)).toEqual(['first', 'second']);
    lane?.delay('first', 30);
    expect(lane?.ready(10, 50).others.map(({ id }) => id)).toEqual(['second']);
  });

  it('takes the batch first that is ready first', () => {
    const lanes = makeLanes();
    const lane = lanes.add(batchOf('late', { readyAtMs: 20 }))?.lane;
    lanes.add(batchOf('soon', { readyAtMs: 10 }));
    expect(lane?.first()?.id).toBe('soon');
    lane?.remove('soon');
    expect(lane?.first()?.id).toBe('late');
  });

  it('holds a batch once, and no more than its bound', () => {
    const lanes = makeLanes();
    lanes.add(batchOf('0'));
    expect(lanes.add(batchOf('0'))).toBeUndefined();
    for (let id = 1; id < LANE_BATCHES_MAX; id += 1) expect(lanes.add(batchOf(String(id)))).toBeDefined();
    expect(lanes.add(batchOf('one too many'))).toBeUndefined();
  });

  it('is cut when it is full: what is put in then waits in Postgres until it is filled from there', () => {
    const lanes = makeLanes();
    const lane = lanes.add(batchOf('0'))?.lane;
    for (let id = 1; id <= LANE_BATCHES_MAX; id += 1) lanes.add(batchOf(String(id)));
    expect(lane?.short()).toEqual([]);
    for (let id = 0; id < LANE_BATCHES_MAX - 10; id += 1) lane?.remove(String(id));
    expect(lane?.short()).toEqual([0]);
    expect(lanes.add(batchOf('later'))).toBeUndefined();
    lane?.fill(0, [batchOf('190'), batchOf('earlier', { readyAtMs: -1 })], true);
    expect(lane?.first()?.id).toBe('earlier');
    expect(lane?.short()).toEqual([]);
    expect(lanes.add(batchOf('later'))?.isNew).toBe(false);
  });

  it('tells once of the next batch that is put in', () => {
    const lanes = makeLanes();
    const lane = lanes.add(batchOf('0'))?.lane;
    let told = 0;
    lane?.onPut(() => (told += 1));
    lanes.add(batchOf('0'));
    lanes.add(batchOf('1'));
    lanes.add(batchOf('2'));
    expect(told).toBe(1);
  });

  it('makes a dropped lane anew when it is wanted again', () => {
    const lanes = makeLanes();
    const lane = lanes.add(batchOf('0'))?.lane;
    lane?.remove('0');
    if (lane) lanes.drop(lane);
    expect(lanes.add(batchOf('1'))?.isNew).toBe(true);
  });
});
