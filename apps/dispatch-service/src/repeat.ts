import { setTimeout as pause } from 'node:timers/promises';

/** How something is repeated. */
export interface Repetition {
  everyMs: number;
  stopping: AbortSignal;
  /** Told of what failed, which ends nothing. */
  onError(error: unknown): void;
  /** Asked before each round for what ends the wait after it, the stop among it; the stop alone if left out. */
  untilWoken?: () => AbortSignal;
}

/** Does work again and again, with a wait in between, until the stop; resolves when the round under way has ended. */
export async function repeat(
  work: () => Promise<void>,
  { everyMs, stopping, onError, untilWoken = () => stopping }: Repetition,
): Promise<void> {
  while (!stopping.aborted) {
    const signal = untilWoken();
    await work().catch(onError);
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
