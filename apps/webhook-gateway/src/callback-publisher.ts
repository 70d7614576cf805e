import type { Bus, BusRecord } from '@herald/bus';

/** Publishes under way at once: the next batch gathers while the last ones are on their way. */
const PUBLISHES_MAX = 2;
/** Records of one publish: what dispatch merges in one transaction. */
const RECORDS_MAX = 200;

/** Puts callbacks on the bus. */
export interface CallbackPublisher {
  /** Resolves when the bus has taken the record; throws BUS_UNAVAILABLE when it has not. */
  publish(record: BusRecord): Promise<void>;
}

interface Waiting {
  record: BusRecord;
  taken: () => void;
  refused: (error: unknown) => void;
}

/**
 * Publishes callbacks in batches: at once while little comes in, and what comes in while publishes are under way goes
 * together in the next. A batch goes to one partition, whatever its keys, because callbacks merge to the same end in any
 * order: sent to the partitions of their keys, 8,000 a second would be as many calls to the broker and transactions of
 * dispatch. It keeps nothing: who is not answered comes again.
 */
export function callbackPublisher(bus: Pick<Bus, 'publish'>): CallbackPublisher {
  const waiting: Waiting[] = [];
  let underWay = 0;
  const send = async (together: readonly Waiting[]): Promise<void> => {
    const partitionKey = together[0]?.record.id ?? '';
    const published = bus.publish(together.map(({ record }) => ({ ...record, partitionKey })));
    const failure = await published.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    underWay -= 1;
    begin();
    for (const { taken, refused } of together) {
      if (failure) refused(failure.error);
      else taken();
    }
  };
  const begin = () => {
    if (underWay >= PUBLISHES_MAX || waiting.length === 0) return;
    underWay += 1;
    void send(waiting.splice(0, RECORDS_MAX));
  };
  return {
    publish: (record) =>
      new Promise((taken, refused) => {
        waiting.push({ record, taken, refused });
        begin();
      }),
  };
}
