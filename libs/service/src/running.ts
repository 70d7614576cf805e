/** Something that was started and can be stopped. Stopping twice is harmless. */
export interface Running {
  stop(): Promise<void>;
}

/** How long one part may take to stop before the next one's turn comes. */
const STOP_MS_MAX = 30_000;

/** Parts that were started in an order and are stopped in the reverse one. */
export interface Parts {
  /**
   * Starts the next part. When it fails, all before it are stopped, last first, and its error is thrown. A part that is
   * not ready before the others are stopped is stopped too, and this throws.
   */
  add<T extends Running>(start: () => Promise<T>): Promise<T>;
  /** Stops all parts, last first, however many times it is called. Throws the first failure after the last stop. */
  stop(): Promise<void>;
}

/** Starts parts one after the other: what is added later may use what was added before, and is stopped before it. */
export function startInOrder(): Parts {
  const started: Running[] = [];
  let stopped: Promise<void> | undefined;
  const stopAll = async () => {
    const failures: unknown[] = [];
    for (let part = started.pop(); part; part = started.pop()) {
      await within(STOP_MS_MAX, part).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  const stop = () => (stopped ??= stopAll());
  return {
    stop,
    add: async (start) => {
      try {
        const part = await start();
        if (stopped !== undefined) {
          await part.stop();
          throw new Error('a part was stopped while it started: the others were stopped meanwhile');
        }
        started.push(part);
        return part;
      } catch (error) {
        // The reason for the failed start is what counts; a failed stop after it would hide it.
        await stop().catch(() => undefined);
        throw error;
      }
    },
  };
}

async function within(ms: number, part: Running): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a part did not stop within ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([part.stop(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The exit code of a process that was interrupted a second time while it stopped. */
const INTERRUPTED_EXIT_CODE = 130;

/** Waits for SIGTERM or SIGINT, then stops. A second signal ends the process at once. */
export async function runUntilSignal(running: Running): Promise<void> {
  await new Promise<void>((resolve) => {
    let isFirst = true;
    const onSignal = () => {
      if (!isFirst) process.exit(INTERRUPTED_EXIT_CODE);
      isFirst = false;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  await running.stop();
}
