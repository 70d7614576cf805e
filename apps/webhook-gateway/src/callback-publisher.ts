import type { Bus, BusRecord } from '@herald/bus';
import { ProviderCallbacks, type ProviderCallback } from '@herald/contracts/event';

/** Callbacks of one record, as event.proto says: at 360 bytes for the longest they stay below what the bus takes as one. */
const CALLBACKS_MAX = 500;
/** After a record the next one that is not full waits so long, and holds what came in meanwhile. */
const PAUSE_MS = 10;
/** Records on their way at once. */
const RECORDS_MAX = 4;
/** So many records go to one partition, a second's under load: its consumer finds several at once and merges them together. */
const RECORDS_PER_PARTITION = 50;

/** Puts callbacks on the bus. */
export interface CallbackPublisher {
  /** Resolves when the bus has taken the callback; throws BUS_UNAVAILABLE when it has not. */
  publish(callback: ProviderCallback): Promise<void>;
}

/** What publishing needs of the world. */
export interface PublisherDeps {
  bus: Pick<Bus, 'publish'>;
  newId(): string;
  now(): Date;
}

interface Waiting {
  callback: ProviderCallback;
  taken: () => void;
  refused: (error: unknown) => void;
}

/**
 * Publishes callbacks: at once while little comes in, else together with what comes in within some milliseconds, whosever it
 * is, because callbacks merge to the same end in any order. As records of their own, 8,000 a second would be as many calls
 * to the broker and transactions of dispatch. It keeps nothing: who is not answered comes again.
 */
export function callbackPublisher({ bus, newId, now }: PublisherDeps): CallbackPublisher {
  const waiting: Waiting[] = [];
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;
  /** The key by which records find their partition. */
  let place = { key: '', isFor: 0 };

  const recordOf = (together: readonly Waiting[]): BusRecord => {
    const id = newId();
    if (place.isFor === 0) place = { key: id, isFor: RECORDS_PER_PARTITION };
    place.isFor -= 1;
    const payload = ProviderCallbacks.encode({ callbacks: together.map(({ callback }) => callback) }).finish();
    const type = 'herald.event.v1.ProviderCallbacks';
    return { topic: 'herald.callback.v1', key: place.key, id, type, time: now(), source: 'webhook-gateway', payload };
  };
  const send = async (together: readonly Waiting[]): Promise<void> => {
    try {
      await bus.publish([recordOf(together)]);
      for (const { taken } of together) taken();
    } catch (error) {
      for (const { refused } of together) refused(error);
      // What did not take this one may be a broker that is gone, whose partition the next one is to avoid.
      place.isFor = 0;
    }
    underWay -= 1;
    begin();
  };
  const begin = () => {
    const isPausing = timer !== undefined && waiting.length < CALLBACKS_MAX;
    if (isPausing || underWay === RECORDS_MAX || waiting.length === 0) return;
    underWay += 1;
    timer ??= setTimeout(() => {
      timer = undefined;
      begin();
    }, PAUSE_MS);
    void send(waiting.splice(0, CALLBACKS_MAX));
  };
  return {
    publish: (callback) =>
      new Promise((taken, refused) => {
        waiting.push({ callback, taken, refused });
        begin();
      }),
  };
}
