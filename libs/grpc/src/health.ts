import { HealthImplementation } from 'grpc-health-check';
import type { Server } from '@grpc/grpc-js';

/** Checks by name; one throws where what it asks does not answer. */
type Checks = Readonly<Record<string, () => Promise<void>>>;

/** What must answer for a server to be healthy. */
export interface HealthChecks {
  /** What calls need: while one of these fails each service is NOT_SERVING, and so is the whole. */
  calls: Checks;
  /** What goes on behind the calls: while one of these fails the whole ('') is NOT_SERVING, and calls are answered even so. */
  background?: Checks;
}

const POLL_EVERY_MS = 2_000;
/** A check that takes longer has failed: a database that hangs is as good as none. */
const CHECK_TIMEOUT_MS = 1_500;

/** The health a server tells: kept true by asking every two seconds. */
export interface Health {
  /** Says NOT_SERVING from now on, whatever the checks say; with it the polling ends. */
  stop(): void;
}

/**
 * Adds the standard health service to servers, which all tell the same: of each service SERVING while what its calls need
 * answered lately, of the whole ('') while everything did. The first round is over before it resolves, so that it never
 * lies at start.
 */
export async function serveHealth(
  servers: readonly Server[],
  names: readonly string[],
  options: { checks: HealthChecks; onChange: (failing: readonly string[]) => void; pollEveryMs?: number },
): Promise<Health> {
  const health = new HealthImplementation();
  for (const server of servers) health.addToServer(server);
  let told: string | undefined;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const current = new Map<string, boolean>();
  // Whoever watches is told at every setting, so only a change is set.
  const set = (name: string, isServing: boolean) => {
    if (current.get(name) === isServing) return;
    current.set(name, isServing);
    health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  };
  const tell = (calls: readonly string[], background: readonly string[]) => {
    const failing = [...calls, ...background];
    set('', failing.length === 0);
    for (const name of names) set(name, calls.length === 0);
    const summary = failing.join(' ');
    if (summary !== told && !(told === undefined && summary === '')) options.onChange(failing);
    told = summary;
  };
  const poll = async () => {
    const { calls, background = {} } = options.checks;
    const failing = await Promise.all([failingOf(calls), failingOf(background)]);
    if (isStopped) return;
    tell(...failing);
    timer = setTimeout(() => void poll(), options.pollEveryMs ?? POLL_EVERY_MS);
    timer.unref();
  };
  await poll();
  return {
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      for (const name of ['', ...names]) set(name, false);
    },
  };
}

async function failingOf(checks: Checks): Promise<string[]> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ((await isPassing(check)) ? [] : [name])),
  );
  return results.flat();
}

async function isPassing(check: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  });
  try {
    // A check that throws is the answer asked for; why it failed is for the log of the part it asks.
    const passes = Promise.resolve()
      .then(check)
      .then(
        () => true,
        () => false,
      );
    return await Promise.race([passes, late]);
  } finally {
    clearTimeout(timer);
  }
}
