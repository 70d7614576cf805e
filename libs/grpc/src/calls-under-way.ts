import type { HeraldError } from '@herald/errors';

/** Calls on a server and the handlers that run for them, so that its stop can wait for them and end them. */
export interface CallsUnderWay {
  /**
   * Counts a call until it is over, or a handler until it settles, also after its call was answered: how it then fails
   * is nobody's to know. `end` answers the call with an error.
   */
  add(work: Promise<unknown>, end: (error: HeraldError) => void): void;
  /** Resolves when nothing is under way, or the time is over. */
  ended(withinMs: number): Promise<void>;
  /** Answers every call that is under way with the error. */
  endAll(error: HeraldError): void;
}

/** Starts counting. */
export function callsUnderWay(): CallsUnderWay {
  const ends = new Map<Promise<unknown>, (error: HeraldError) => void>();
  let onIdle = () => {};
  return {
    add: (work, end) => {
      const settled: Promise<void> = work
        .then(
          () => undefined,
          () => undefined,
        )
        .then(() => {
          ends.delete(settled);
          if (ends.size === 0) onIdle();
        });
      ends.set(settled, end);
    },
    ended: async (withinMs) => {
      if (ends.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    endAll: (error) => {
      for (const end of ends.values()) end(error);
    },
  };
}
