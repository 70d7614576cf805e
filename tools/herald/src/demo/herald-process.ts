import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AdviceError } from '../advice-error';
import { readSystemFile, type SystemFile } from '../system/system-file';

/** A Herald in a process of its own, so that it can be killed. */
export interface HeraldProcess {
  file: SystemFile;
  pid: number;
  /** Resolves when it has ended, however that came. */
  exited: Promise<void>;
  /** Ends it as a power cut would: nothing in it runs any more. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

const MAIN = join(__dirname, '../main.ts');
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 40_000;
const POLL_MS = 50;
const LOG_LINES = 10;

/**
 * Starts Herald on a home, with free ports, or with those that an earlier one had, in this process's environment or
 * another. Its log goes to the home. Throws AdviceError when it does not start.
 */
export async function heraldProcess(
  home: string,
  flags: readonly string[],
  env?: Readonly<Record<string, string | undefined>>,
): Promise<HeraldProcess> {
  const log = await open(join(home, 'herald.log'), 'a');
  const command = ['-r', 'tsx/cjs', MAIN, 'start', '--home', home, '--port-base', '0', '--no-sample', ...flags];
  // A group of its own: Ctrl-C reaches the demo alone, which then stops all of it in order.
  const child = spawn(process.execPath, command, { env, detached: true, stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const file = await started(child, home);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await Promise.race([exited, pause(STOP_MS_MAX, undefined, { ref: false })]);
  };
  return { file, pid: file.pid, exited, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

async function started(child: ChildProcess, home: string): Promise<SystemFile> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const file = await readSystemFile(home);
    if (file?.pid === child.pid) return file as SystemFile;
    await pause(POLL_MS);
  }
  child.kill('SIGKILL');
  const log = (await readFile(join(home, 'herald.log'), 'utf8')).trimEnd().split('\n');
  throw new AdviceError(`Herald did not start. Its log ends with:\n${log.slice(-LOG_LINES).join('\n')}`);
}
