import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 10;
const TIMEOUT_MS = 15_000;

/**
 * Waits until `check` returns without throwing, and returns what it returned. It is for what no signal tells; when time
 * runs out it throws the last complaint of `check`.
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(EVERY_MS);
    }
  }
}
