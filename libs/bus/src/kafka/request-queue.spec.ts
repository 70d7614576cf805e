import RequestQueue from 'kafkajs/src/network/requestQueue';
import './connect';

/** A queue of the package as it is when the connect room has been loaded: repaired. */
interface Queue {
  pending: unknown[];
  throttledUntil: number;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  destroy(): void;
}

const queueWith = (changes: Partial<Queue>): Queue => {
  const Repaired = RequestQueue as unknown as new (options: object) => Queue;
  const logger = { debug: () => undefined };
  return Object.assign(
    new Repaired({ maxInFlightRequests: 0, requestTimeout: 1_000, clientId: 'spec', logger }),
    changes,
  );
};

describe('the queue of requests to a broker', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('does not wake up while nothing waits, where kafkajs does 891 times a second', () => {
    const queue = queueWith({});
    const wakeUps = jest.spyOn(queue, 'checkPendingRequests');
    queue.scheduleCheckPendingRequests();
    jest.advanceTimersByTime(1_000);
    expect(wakeUps).toHaveBeenCalledTimes(0);
    queue.destroy();
  });

  it('looks again while something waits', () => {
    const queue = queueWith({ pending: [{}] });
    queue.scheduleCheckPendingRequests();
    expect(jest.getTimerCount()).toBe(1);
    queue.destroy();
  });

  it('looks again when the broker throttles us and something waits', () => {
    const queue = queueWith({ pending: [{}], throttledUntil: Date.now() + 5_000 });
    queue.scheduleCheckPendingRequests();
    jest.advanceTimersByTime(4_999);
    expect(jest.getTimerCount()).toBe(1);
    queue.destroy();
  });
});
