import type { Bus } from '@herald/bus';
import { askForAccount, type Configurations } from './account-directory';

/** Whether the gateway can take webhooks in. */
export interface Readiness {
  isReady(): Promise<boolean>;
  /** From here on it is not ready, so that nobody new is sent here while it stops. */
  end(): void;
}

/** However often somebody looks, what the gateway needs is asked no more often than this. */
const CHECK_EVERY_MS = 2_000;
/** What answers more slowly than this does not answer. */
const CHECK_MS_MAX = 1_500;
/** A path of the right form that leads nowhere: an answer about it proves that configuration-service answers. */
const PROBE_SEGMENT = 'readiness-probe-no-account';

/** Ready is who can find accounts and publish, as of two seconds ago at most. */
export function readiness(deps: { configurations: Configurations; bus: Bus; monotonicMs(): number }): Readiness {
  let last: { answer: Promise<boolean>; atMs: number } | undefined;
  let isEnded = false;
  return {
    isReady: async () => {
      const now = deps.monotonicMs();
      if (last === undefined || now - last.atMs >= CHECK_EVERY_MS) last = { answer: check(deps), atMs: now };
      return (await last.answer) && !isEnded;
    },
    end: () => {
      isEnded = true;
    },
  };
}

async function check({ configurations, bus }: { configurations: Configurations; bus: Bus }): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_MS_MAX);
  });
  // Why it is not ready is told by the part that is away; here that it is so is the answer.
  const answers = Promise.all([askForAccount(configurations, PROBE_SEGMENT), bus.ping()]).then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answers, late]);
  } finally {
    clearTimeout(timer);
  }
}
