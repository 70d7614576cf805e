import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Running } from '@herald/service';
import { AdviceError } from '../advice-error';
import { replaceFile } from './home';
import { isAlive } from './is-alive';

/** A simulator that runs in a process of its own, and outlives a Herald that is killed: providers do. */
export interface SimulatorProcess extends Running {
  url: string;
  control: string;
}

/** What a simulator is started with; one that runs already keeps its port and outcomes. */
export interface SimulatorSettings {
  home: string;
  port: number;
  faults: string;
  /** Shares of outcomes, as its option has them; its defaults if empty. */
  outcomes: string;
}

const MAIN = join(__dirname, '../../../simulator/src/main.ts');
const FILE = 'simulator.json';
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 10_000;
const POLL_MS = 50;

interface Ready {
  url: string;
  control: string;
  pid: number;
}

/**
 * Finds the simulator of a home alive, and tells it the faults, or starts it. It is not started anew for other faults: the
 * callbacks that wait in it would be lost. Throws AdviceError when it does not start, or does not know the faults.
 */
export async function simulatorProcess(settings: SimulatorSettings): Promise<SimulatorProcess> {
  const folder = folderOf(settings.home);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const alive = await findAlive(folder);
  if (alive) await tell(alive, settings.faults);
  const ready = alive ?? (await start(settings, folder));
  await replaceFile(join(folder, FILE), JSON.stringify(ready));
  return { url: ready.url, control: ready.control, stop: () => stop(ready) };
}

async function tell({ control }: Ready, faults: string): Promise<void> {
  const response = await fetch(`${control}/faults`, { method: 'POST', body: JSON.stringify({ faults }) });
  if (!response.ok) throw new AdviceError(((await response.json()) as { error: string }).error);
}

/** Stops the simulator of a home, whoever started it; nothing happens where none runs. */
export async function stopSimulator(home: string): Promise<void> {
  const ready = await findAlive(folderOf(home));
  if (ready) await stop(ready);
}

const folderOf = (home: string) => join(home, 'simulator');

async function findAlive(folder: string): Promise<Ready | undefined> {
  const known = await readFile(join(folder, FILE), 'utf8').then(
    (text) => JSON.parse(text) as Ready,
    () => undefined,
  );
  return known && (await answers(known)) ? known : undefined;
}

async function answers({ control, pid }: Ready): Promise<boolean> {
  if (!isAlive(pid)) return false;
  return fetch(`${control}/health`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function start({ port, faults, outcomes }: SimulatorSettings, folder: string): Promise<Ready> {
  const flags = ['--json', '--port', String(port), '--receipts', join(folder, 'receipts')];
  if (faults !== '') flags.push('--faults', faults);
  if (outcomes !== '') flags.push('--outcomes', outcomes);
  const output = join(folder, 'simulator.out');
  const [out, errors] = await Promise.all([open(output, 'w'), open(join(folder, 'simulator.log'), 'a')]);
  // A group of its own: neither Ctrl-C nor the death of Herald reaches it.
  const child = spawn(process.execPath, ['-r', 'tsx/cjs', MAIN, ...flags], {
    detached: true,
    stdio: ['ignore', out.fd, errors.fd],
  });
  child.unref();
  await Promise.all([out.close(), errors.close()]);
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    const [line] = (await readFile(output, 'utf8')).split('\n');
    if (line?.startsWith('{') && line.endsWith('}')) return JSON.parse(line) as Ready;
    if (child.exitCode !== null) break;
    await pause(POLL_MS);
  }
  const log = join(folder, 'simulator.log');
  const lastLine = (await readFile(log, 'utf8')).trimEnd().split('\n').at(-1);
  throw new AdviceError(`The simulator did not start. Its log ends with: ${lastLine}`);
}

async function stop({ pid }: Ready): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + STOP_MS_MAX;
  while (isAlive(pid) && performance.now() < deadline) await pause(POLL_MS);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}
