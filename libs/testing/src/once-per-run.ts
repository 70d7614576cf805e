import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RUN_VARIABLE } from './test-run';

const LOOK_AGAIN_MS = 50;

/**
 * What the workers of a run share: the first that asks starts it and leaves what it got in the run's folder, as
 * `<name>.json`; the others wait for that file, so long at most. Throws outside a run, and where the first one failed.
 */
export async function oncePerRun<Started>(
  name: string,
  withinMs: number,
  start: (run: string) => Promise<Started>,
): Promise<Started> {
  const run = process.env[RUN_VARIABLE];
  if (run === undefined) throw new Error(`${RUN_VARIABLE} is not set: run the specs by jest, whose set-up sets it`);
  const file = join(run, `${name}.json`);
  const isFirst = await mkdir(join(run, `${name}-claimed`)).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const started = await start(run);
    // Under its final name it is whole.
    await writeFile(`${file}.new`, JSON.stringify(started));
    await rename(`${file}.new`, file);
    return started;
  }
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return JSON.parse(text) as Started;
    await pause(LOOK_AGAIN_MS);
  }
  throw new Error(`another worker of this run did not get ${name} started`);
}
