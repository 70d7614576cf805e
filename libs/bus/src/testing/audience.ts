import type { Bus, BusRecord, DeliveredRecord, HandlerContext, RunningSubscription, Subscription } from '../bus';

/** A promise and its end, for a test that lets go of something by hand. */
export interface Gate {
  opened: Promise<void>;
  open: () => void;
}

export function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** What a test does with a batch before it counts as handled; it throws to fail, and waits to be slow. */
type Reaction = (batch: readonly DeliveredRecord[], context: HandlerContext) => void | Promise<void>;

/** A subscriber that remembers what it handled; `source` keeps out what other tests left in the topic. */
export class Audience {
  readonly handled: DeliveredRecord[] = [];
  /** Every batch it was handed, whether it handled it or failed. */
  readonly handed: string[][] = [];
  readonly subscription: RunningSubscription;
  #wake: (() => void)[] = [];

  constructor(
    bus: Bus,
    subscription: { source: string } & Omit<Subscription, 'handler'>,
    reaction: Reaction = () => undefined,
  ) {
    const { source, ...others } = subscription;
    const handler = async (records: readonly DeliveredRecord[], context: HandlerContext) => {
      const batch = records.filter((record) => record.source === source);
      if (batch.length === 0) return;
      this.handed.push(batch.map(({ id }) => id));
      this.#tell();
      await reaction(batch, context);
      this.handled.push(...batch);
      this.#tell();
    };
    this.subscription = bus.subscribe({ ...others, handler });
  }

  ids(): string[] {
    return this.handled.map(({ id }) => id);
  }

  /** The ids in the order in which each was first handled. */
  firstIds(): string[] {
    return [...new Set(this.ids())];
  }

  /** Resolves when every one of the records has been handled. */
  async hasHandled(records: readonly BusRecord[]): Promise<void> {
    await this.#until(() => records.every(({ id }) => this.handled.some((record) => record.id === id)));
  }

  /** Resolves when the handler has been called this often. */
  async isHanded(batches: number): Promise<void> {
    await this.#until(() => this.handed.length >= batches);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
