import { createHook } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';

/** What keeps a process alive and is opened by the code under test, besides timers. */
const WATCHED = new Set(['TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap']);
/** What was just closed may take a moment to be gone. */
const GRACE_MS = 3_000;
/** Whose timers are not ours: the test runner has its own, which come and go. */
const RUNNER = /node_modules[\\/](?:@jest|jest)[\\/-]/;

/** How long what was closed may take, and when the check runs: before and after all of a file, unless said otherwise. */
export interface LeakCheckOptions {
  graceMs?: number;
  hooks?: { beforeAll(work: () => void): void; afterAll(work: () => Promise<void>): void };
}

/** Fails a spec file that leaves servers, connections, children or timers behind; a timer is told by where it was set. */
export function leakCheck({ graceMs = GRACE_MS, hooks = { beforeAll, afterAll } }: LeakCheckOptions = {}): void {
  const timers = watchTimers();
  let found: ReadonlyMap<string, number> = new Map();
  const leaked = () => [...leakedSince(found), ...timers.running()];
  hooks.beforeAll(() => {
    found = countOpen();
    timers.start();
  });
  hooks.afterAll(async () => {
    try {
      const deadline = performance.now() + graceMs;
      while (leaked().length > 0 && performance.now() < deadline) await pause(20);
      expect(leaked()).toEqual([]);
    } finally {
      timers.stop();
    }
  });
}

/**
 * Timers that were set since the start. Node counts them, but together with the runner's: one that the runner clears
 * meanwhile would hide one that leaks. So each is noted with the place it was set at.
 */
function watchTimers(): { start(): void; stop(): void; running(): string[] } {
  let set: { timer: WatchedTimer; at: Error }[] = [];
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'Timeout') set.push({ timer: resource as WatchedTimer, at: new Error('set') });
      if (set.length >= NOTED_MAX) set = set.filter(({ timer }) => isRunning(timer));
    },
  });
  return {
    start: () => void hook.enable(),
    stop: () => void hook.disable(),
    running: () =>
      set
        .filter(({ timer }) => isRunning(timer))
        .map(({ at }) => placeOf(at))
        .filter((place) => !RUNNER.test(place))
        .map((place) => `Timeout: ${place}`),
  };
}

/** Node's own mark of a timer that went off or was cleared; `hasRef` alone stays true. */
type WatchedTimer = NodeJS.Timeout & { _destroyed: boolean };
const NOTED_MAX = 10_000;

function isRunning(timer: WatchedTimer): boolean {
  return !timer._destroyed && timer.hasRef();
}

/** The first place of a stack outside Node and this file. */
function placeOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  const outside = frames.find((line) => !line.includes('node:') && !line.includes(__filename));
  return outside?.trim() ?? 'at a place that is not known';
}

function leakedSince(found: ReadonlyMap<string, number>): string[] {
  return [...countOpen()]
    .filter(([kind, count]) => count > (found.get(kind) ?? 0))
    .map(([kind, count]) => `${kind}: ${count}, at first ${found.get(kind) ?? 0}`);
}

function countOpen(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
