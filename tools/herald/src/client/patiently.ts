import { setTimeout as pause } from 'node:timers/promises';
import { HeraldError } from '@herald/errors';

/** A call that may be repeated is tried so often without getting on, with this pause at least in between. */
const TRIES_MAX = 60;
const PAUSE_MS = 500;

/** Hears why a call waits, and for how many milliseconds. */
export type OnWait = (error: HeraldError, waitMs: number) => void;

/**
 * Repeats a call that Herald says may be repeated, or asks to come back later with. Tells of the first wait only. Where
 * `getsOn` says that a try got further than the one before, the tries are counted anew.
 */
export async function patiently<T>(
  call: () => Promise<T>,
  onWait?: OnWait,
  getsOn: () => boolean = () => false,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (getsOn()) tries = 1;
      const mayRepeat =
        error instanceof HeraldError && (error.retryable || error.reason === 'HOURLY_REQUESTS_EXHAUSTED');
      if (!mayRepeat || tries === TRIES_MAX) throw error;
      const waitMs = Math.max(PAUSE_MS, error.detail.retryAfterMs ?? 0);
      if (tries === 1) onWait?.(error, waitMs);
      await pause(waitMs);
    }
  }
}
