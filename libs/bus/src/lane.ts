import type { DeliveredRecord } from './bus';
import type { Delivery } from './delivery';

/** Records that may wait in one lane. A publish waits until its records are handled, so only many at once reach it. */
export const LANE_RECORDS_MAX = 10_000;
/** Records handed to a handler at once: what a handler's transaction takes. */
export const BATCH_RECORDS_MAX = 200;

interface Entry {
  record: DeliveredRecord;
  handled: () => void;
  refused: (error: unknown) => void;
}

/**
 * One partition of one group: a queue with one batch in flight. It is idle until something is put in, then takes
 * batches from the front until none is left. When a batch cannot be answered for (the bus stops), everything behind it
 * is refused with it, so that a publisher who repeats finds the order kept.
 */
export class Lane {
  #queue: Entry[] = [];
  #inFlight: Entry[] = [];
  #loop: Promise<void> | undefined;

  constructor(private readonly delivery: Delivery) {}

  hasRoomFor(count: number): boolean {
    return this.#queue.length + count <= LANE_RECORDS_MAX;
  }

  /** Resolves when every record is handled or a dead letter; throws BUS_UNAVAILABLE when one is refused. */
  put(records: readonly DeliveredRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let open = records.length;
      const handled = () => {
        open -= 1;
        if (open === 0) resolve();
      };
      this.#queue.push(...records.map((record) => ({ record, handled, refused: reject })));
      this.#loop ??= this.#run();
    });
  }

  /** Resolves when nothing waits and no handler runs. */
  idle(): Promise<void> {
    return this.#loop ?? Promise.resolve();
  }

  /** Refuses what waits and what a handler works on: should it return after all, that counts for nothing. */
  refuseAll(error: unknown): void {
    for (const { refused } of [...this.#inFlight, ...this.#queue.splice(0)]) refused(error);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // What is published in the same turn travels in one batch.
    while (this.#queue.length > 0) {
      this.#inFlight = this.#queue.splice(0, BATCH_RECORDS_MAX);
      const handledInOrder = this.#inFlight.values();
      try {
        await this.delivery.deliver(
          this.#inFlight.map(({ record }) => record),
          () => handledInOrder.next().value?.handled(),
        );
      } catch (error) {
        this.refuseAll(error);
      }
    }
    this.#inFlight = [];
    this.#loop = undefined;
  }
}
