import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { removeLocalServer } from '@herald/postgres/local-server';

/** Set by the set-up of a test run: the folder its workers share. */
export const RUN_VARIABLE = 'HERALD_TEST_RUN';
const RUN_PREFIX = 'herald-test-';

/** Starts and stops a broker; a program, since no library may use a tool. */
export const KAFKA_PROGRAM = resolve(__dirname, '../../../tools/kafka/src/main.ts');

/** Durability is what a test database can spare. */
export const TEST_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '400',
};

/** Where in its folder a run keeps the server it started itself. */
export function localServerDirectory(run: string): string {
  return join(run, 'postgres');
}

/** Where in its folder a run keeps the broker it started itself. */
export function localBrokerDirectory(run: string): string {
  return join(run, 'kafka');
}

/** Begins a test run: makes the folder its workers share, and ends what a killed run left behind. */
export async function beginRun(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${RUN_PREFIX}(\\d+)-`).exec(name)?.[1] ?? NaN);
    if (Number.isInteger(pid) && !isAlive(pid)) await endRun(join(tmpdir(), name));
  }
  const run = join(tmpdir(), `${RUN_PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
  // Others may pass through it: the server may run as another user than this process.
  await mkdir(run, { mode: 0o755 });
  process.env[RUN_VARIABLE] = run;
}

/** Ends a test run: stops its server, if one was started here, and removes its folder. */
export async function endRun(run: string): Promise<void> {
  const entries = await readdir(run).catch((): string[] => []);
  if (entries.includes('postgres')) await removeLocalServer(localServerDirectory(run));
  if (entries.includes('kafka')) {
    const args = ['-r', 'tsx/cjs', KAFKA_PROGRAM, '--stop', '--directory', localBrokerDirectory(run)];
    await promisify(execFile)(process.execPath, args);
  }
  await rm(run, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Who may not send it a signal learns at least that somebody else's process is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
