import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { SystemFile } from '../system/system-file';

const LOOK_EVERY_MS = 50;

/**
 * Kills the processes that a keeper which was itself killed has left behind, and waits for their end. Only those are
 * killed whose command is one of our services: a process id may belong to another by now.
 */
export async function endLeftovers(earlier: SystemFile | undefined): Promise<void> {
  for (const pid of Object.values(earlier?.processes ?? {})) {
    if (pid === undefined || !(await isService(pid))) continue;
    process.kill(pid, 'SIGKILL');
    while (await isService(pid)) await pause(LOOK_EVERY_MS);
  }
}

async function isService(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return /\/apps\/[a-z-]+\/src\/main\.ts/.test(command);
}
