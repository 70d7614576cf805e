import { HealthImplementation } from 'grpc-health-check';
import type { Server } from '@grpc/grpc-js';

/** What must answer for a server to be healthy, by name; a check throws where it does not. */
export type HealthChecks = Record<string, () => Promise<void>>;

const POLL_EVERY_MS = 2_000;
/** A check that takes longer has failed: a database that hangs is as good as none. */
const CHECK_TIMEOUT_MS = 1_500;

/** The health a server tells: kept true by asking every two seconds. */
export interface Health {
  /** Says NOT_SERVING from now on, whatever the checks say; with it the polling ends. */
  stop(): void;
}

/**
 * Adds the standard health service, SERVING only while every check answered lately. It tells the same at each of the
 * servers, for all of them ('') and for each of their services. The first round is over before it resolves, so that it never lies at start.
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
  let current: 'SERVING' | 'NOT_SERVING' | undefined;
  // Whoever watches is told at every setting, so only a change is set.
  const set = (status: 'SERVING' | 'NOT_SERVING') => {
    if (status === current) return;
    current = status;
    for (const name of ['', ...names]) health.setStatus(name, status);
  };
  const tell = (failing: readonly string[]) => {
    set(failing.length === 0 ? 'SERVING' : 'NOT_SERVING');
    const summary = failing.join(' ');
    if (summary !== told && !(told === undefined && summary === '')) options.onChange(failing);
    told = summary;
  };
  const poll = async () => {
    const failing = await failingOf(options.checks);
    if (isStopped) return;
    tell(failing);
    timer = setTimeout(() => void poll(), options.pollEveryMs ?? POLL_EVERY_MS);
    timer.unref();
  };
  await poll();
  return {
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      set('NOT_SERVING');
    },
  };
}

async function failingOf(checks: HealthChecks): Promise<string[]> {
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
