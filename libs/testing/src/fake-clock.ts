import type { Clock } from '@herald/service';

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  #monotonicMs = 1_000;

  constructor(start: Date = new Date('2026-11-24T12:00:00Z')) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Moves time on. */
  advance(ms: number): void {
    this.#now += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock, as an administrator or a leap would; the monotonic clock goes on. */
  setNow(now: Date): void {
    this.#now = now.getTime();
  }
}
