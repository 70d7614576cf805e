import type { Running } from '@herald/service';

/** The systems that are up. They start one after the other: each start takes two cores for ten seconds. */
export class Systems {
  readonly #up = new Set<Promise<Running>>();
  readonly #stopping: AbortSignal;
  #lastStart: Promise<unknown> = Promise.resolve();

  /** @param stopping - Aborted when no other is to start. */
  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
  }

  /** Starts one, does something with it, and stops it however that ends. */
  async whileUp<System extends Running, Result>(
    start: () => Promise<System>,
    act: (system: System) => Promise<Result>,
  ): Promise<Result> {
    const starting = this.#lastStart.then(() => {
      if (this.#stopping.aborted) throw new Error('it was interrupted before the system started');
      return start();
    });
    this.#lastStart = starting.catch(() => undefined);
    this.#up.add(starting);
    try {
      const system = await starting;
      try {
        return await act(system);
      } finally {
        await system.stop();
      }
    } finally {
      this.#up.delete(starting);
    }
  }

  /** Stops all of them; one that is starting, when it is up. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#up].map(async (starting) => (await starting).stop()));
  }
}
