import type { HeraldError } from '@herald/errors';

/** Calls on a server and the handlers that run for them, so that its stop can wait for them and end them. */
export interface CallsUnderWay {
  /**
   * Counts a call until it is over, or a handler until it settles, also after its call was answered: how it then fails
   * is nobody's to know.
   */
  add(work: Promise<unknown>, ways: WaysToEnd): void;
  /** Resolves when nothing is under way, or the time is over. */
  ended(withinMs: number): Promise<void>;
  /** Lets every stream that is under way come to an end with the error. */
  drainAll(error: HeraldError): void;
  /** Answers every call that is under way with the error. */
  endAll(error: HeraldError): void;
}

/** How a call can be brought to its end. */
interface WaysToEnd {
  /** Answers the call with an error. */
  end(error: HeraldError): void;
  /** Asks a stream to end with an error once its handler can; a unary call ends by itself soon enough. */
  drain?(error: HeraldError): void;
}

/** Starts counting. */
export function callsUnderWay(): CallsUnderWay {
  const ends = new Map<Promise<unknown>, WaysToEnd>();
  let onIdle = () => {};
  return {
    add: (work, ways) => {
      const settled: Promise<void> = work
        .then(
          () => undefined,
          () => undefined,
        )
        .then(() => {
          ends.delete(settled);
          if (ends.size === 0) onIdle();
        });
      ends.set(settled, ways);
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
    drainAll: (error) => {
      for (const { drain } of ends.values()) drain?.(error);
    },
    endAll: (error) => {
      for (const { end } of ends.values()) end(error);
    },
  };
}
