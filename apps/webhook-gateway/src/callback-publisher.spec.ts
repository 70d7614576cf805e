import type { BusRecord } from '@herald/bus';
import { callbackPublisher } from './callback-publisher';

/** A bus that takes a publish when it is told to. */
class BusThatWaits {
  readonly published: { ids: string[]; partitionKeys: Set<string | undefined>; end(error?: Error): void }[] = [];

  readonly publish = (records: readonly BusRecord[]): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.published.push({
      ids: records.map(({ id }) => id),
      partitionKeys: new Set(records.map(({ partitionKey }) => partitionKey)),
      end: (error) => (error ? reject(error) : resolve()),
    });
    return promise;
  };
}

const recordOf = (id: number): BusRecord => ({
  ...{ topic: 'herald.callback.v1', key: `account/${id}`, id: String(id), type: 'callback', source: 'gateway' },
  ...{ time: new Date(0), payload: new Uint8Array() },
});

describe('callbackPublisher', () => {
  it('publishes at once while nothing is under way, and together what comes in meanwhile', async () => {
    const bus = new BusThatWaits();
    const { publish } = callbackPublisher(bus);
    const taken = [1, 2, 3, 4, 5].map((id) => publish(recordOf(id)));
    expect(bus.published.map(({ ids }) => ids)).toEqual([['1'], ['2']]);
    bus.published[0]?.end();
    await taken[0];
    expect(bus.published.map(({ ids }) => ids)).toEqual([['1'], ['2'], ['3', '4', '5']]);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });

  it('sends a batch to one partition, and the next to another', async () => {
    const bus = new BusThatWaits();
    const { publish } = callbackPublisher(bus);
    const taken = [1, 2, 3, 4].map((id) => publish(recordOf(id)));
    bus.published[0]?.end();
    await taken[0];
    expect(bus.published.map(({ partitionKeys }) => [...partitionKeys])).toEqual([['1'], ['2'], ['3']]);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });

  it('tells each of a batch that the bus did not take it, and goes on', async () => {
    const bus = new BusThatWaits();
    const { publish } = callbackPublisher(bus);
    const taken = [1, 2, 3, 4].map((id) => publish(recordOf(id)));
    bus.published[0]?.end();
    bus.published[1]?.end();
    await Promise.all(taken.slice(0, 2));
    bus.published[2]?.end(new Error('the broker is away'));
    const later = await Promise.allSettled(taken.slice(2));
    expect(later.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = publish(recordOf(5));
    bus.published.at(-1)?.end();
    await again;
  });

  it('publishes no more than two hundred at once', async () => {
    const bus = new BusThatWaits();
    const { publish } = callbackPublisher(bus);
    const taken = Array.from({ length: 302 }, (_, id) => publish(recordOf(id)));
    bus.published[0]?.end();
    bus.published[1]?.end();
    await Promise.all(taken.slice(0, 2));
    expect(bus.published.map(({ ids }) => ids.length)).toEqual([1, 1, 200, 100]);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });
});
