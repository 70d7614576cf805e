import {
  heraldProcess,
  simulatorControl,
  stopSimulator,
  writeSystemFile,
  type HeraldProcess,
} from '@herald/herald-cli';
import type { Parts, Running } from '@herald/service';
import { makeArming, type Victim } from './arming';
import { databaseOf, homeOf, isBack, openCallers, wholeOrNothing, type Inherited, type Target } from './target';

/** Starts the one-process system as a child over a folder of its own, with its events in the process. */
export const oneProcessTarget = wholeOrNothing(start);

async function start(parts: Parts, inherited: Inherited, plant: string): Promise<Target> {
  const home = await homeOf(parts);
  await parts.add(async () => ({ stop: () => stopSimulator(home) }));
  const arming = await makeArming(home, plant);
  const herald = await parts.add(() => keepHerald(home, { ...inherited, ...arming.env }));
  const { ports, simulator } = herald.file();
  const callers = await openCallers(parts, home, simulator?.url ?? '');
  const database = databaseOf(home, ports.postgres);
  return {
    ...{ bus: 'in-process', arming, callers, movers: [], broker: undefined, ...database },
    victims: () => [herald],
    provider: simulatorControl(simulator?.control ?? ''),
    stop: () => parts.stop(),
  };
}

/** A Herald that is started anew over its home whenever it ends, until it is to stop. */
async function keepHerald(
  home: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Victim & Running & { file(): HeraldProcess['file'] }> {
  const start = () => heraldProcess(home, ['--simulator-outcomes', 'delivered=1'], env);
  let isStopping = false;
  let herald = await start();
  let next: Promise<void> = Promise.resolve();
  const watch = () => {
    void herald.exited.then(() => {
      if (isStopping) return;
      // One that ended in order took the note of its ports along; providers and callers go on calling where it was.
      next = writeSystemFile(home, herald.file)
        .then(start)
        .then((started) => {
          herald = started;
          watch();
        });
      // Whoever waits for it hears why it did not come up.
      next.catch(() => undefined);
    });
  };
  watch();
  const signal = (name: NodeJS.Signals) => void process.kill(herald.pid, name);
  const victim: Victim = {
    name: 'herald',
    get pid() {
      return herald.pid;
    },
    signal,
    ready: () => next,
    restart: async (by) => {
      const { pid } = herald;
      signal(by);
      await isBack(victim, pid);
    },
  };
  return Object.assign(victim, {
    file: () => herald.file,
    stop: async () => {
      isStopping = true;
      await next.catch(() => undefined);
      await herald.stop();
    },
  });
}
