/** The longest a Node timer runs; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Timers that can all be given up together. */
export class Timers {
  private readonly running = new Set<NodeJS.Timeout>();

  /** Calls `act` after so long, unless the timers are cleared before. */
  after(delayMs: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        this.running.delete(timer);
        if (delayMs > TIMER_MS_MAX) this.after(delayMs - TIMER_MS_MAX, act);
        else act();
      },
      Math.min(delayMs, TIMER_MS_MAX),
    );
    this.running.add(timer);
  }

  clear(): void {
    for (const timer of this.running) clearTimeout(timer);
    this.running.clear();
  }
}
