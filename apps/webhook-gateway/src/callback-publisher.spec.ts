import type { BusRecord } from '@herald/bus';
import { ProviderCallback, ProviderCallbacks } from '@herald/contracts/event';
import { callbackPublisher } from './callback-publisher';

/** A bus that takes a publish when it is told to. */
class BusThatWaits {
  readonly published: { messageIds: string[]; key: string | undefined; end(error?: Error): void }[] = [];

  readonly publish = (records: readonly BusRecord[]): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.published.push({
      messageIds: records.flatMap(messageIdsOf),
      key: records[0]?.key,
      end: (error) => (error ? reject(error) : resolve()),
    });
    return promise;
  };

  get messageIds(): string[][] {
    return this.published.map(({ messageIds }) => messageIds);
  }
}

const messageIdsOf = ({ payload }: BusRecord) =>
  ProviderCallbacks.decode(payload).callbacks.map(({ messageId }) => messageId);
const callbackOf = (id: number) => ProviderCallback.create({ messageId: String(id) });

describe('callbackPublisher', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function given() {
    const bus = new BusThatWaits();
    let ids = 0;
    const newId = () => `id ${(ids += 1)}`;
    const { publish } = callbackPublisher({ bus, newId, now: () => new Date(0) });
    return { bus, publish: (...numbers: number[]) => numbers.map((number) => publish(callbackOf(number))) };
  }

  it('publishes one that comes alone at once, and together what comes within the next milliseconds', async () => {
    const { bus, publish } = given();
    const taken = publish(1, 2, 3);
    expect(bus.messageIds).toEqual([['1']]);
    jest.advanceTimersByTime(10);
    expect(bus.messageIds).toEqual([['1'], ['2', '3']]);
    jest.advanceTimersByTime(1_000);
    taken.push(...publish(4));
    expect(bus.messageIds).toEqual([['1'], ['2', '3'], ['4']]);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });

  it('sends fifty records to one partition, and the next ones to another', async () => {
    const { bus, publish } = given();
    for (let id = 1; id <= 101; id += 1) {
      const taken = publish(id);
      bus.published[id - 1]?.end();
      await Promise.all(taken);
      jest.advanceTimersByTime(10);
    }
    const counts = Object.values(Object.groupBy(bus.published, ({ key }) => String(key))).map((each) => each?.length);
    expect(counts).toEqual([50, 50, 1]);
  });

  it('tells each of a record that the bus did not take it, and goes on at another partition', async () => {
    const { bus, publish } = given();
    const [first] = publish(1);
    const later = publish(2, 3);
    jest.advanceTimersByTime(10);
    bus.published[0]?.end();
    await first;
    bus.published[1]?.end(new Error('the broker is away'));
    expect((await Promise.allSettled(later)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    jest.advanceTimersByTime(10);
    const again = publish(2);
    expect(bus.published.map(({ key }) => key)).toEqual(['id 1', 'id 1', 'id 3']);
    bus.published[2]?.end();
    await Promise.all(again);
  });

  it('puts no more than 500 into a record, and lets a full one wait for nothing', async () => {
    const { bus, publish } = given();
    const taken = publish(...Array.from({ length: 602 }, (_, id) => id));
    expect(bus.messageIds.map(({ length }) => length)).toEqual([1, 500]);
    jest.advanceTimersByTime(10);
    expect(bus.messageIds.map(({ length }) => length)).toEqual([1, 500, 101]);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });

  it('has no more than four records on their way at once', async () => {
    const { bus, publish } = given();
    const taken = [1, 2, 3, 4, 5].flatMap((id) => {
      jest.advanceTimersByTime(10);
      return publish(id);
    });
    jest.advanceTimersByTime(1_000);
    expect(bus.messageIds).toEqual([['1'], ['2'], ['3'], ['4']]);
    bus.published[0]?.end();
    await taken[0];
    expect(bus.messageIds[4]).toEqual(['5']);
    for (const { end } of bus.published) end();
    await Promise.all(taken);
  });
});
