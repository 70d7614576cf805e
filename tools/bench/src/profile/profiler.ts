import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { costsOf, type CpuProfile, type Cost } from './costs';
import { withSources } from './sources';

/** Takes CPU profiles of one process of the system, each of what was measured and of nothing besides. */
export interface Profiler {
  /** Which of the processes. */
  processName: string;
  begin(pid: number | undefined): Promise<void>;
  /** Writes the profile, and tells what cost most for each message. */
  end(pid: number | undefined, measured: { name: string; messages: number }): Promise<void>;
}

/** Which process is profiled, where to, and who hears what it cost. */
export interface ProfilerSettings {
  folder: string;
  processName: string;
  /** Begins the name of each file. */
  prefix: string;
  onCosts(costs: readonly Cost[], file: string): void;
}

const HOOK = join(__dirname, 'hook.js');
const WRITE_MS_MAX = 60_000;
const LOOK_EVERY_MS = 50;

/** The program of each process, as it ends. */
const PROGRAMS: Readonly<Record<string, string>> = {
  herald: 'tools/herald/src/main.ts',
  gateway: 'apps/webhook-gateway/dist/main.js',
};

/** What the processes of a system have to be started with for one of them to be profiled. */
export function profilerEnvironment(folder: string, processName: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--require "${HOOK}"`,
    BENCH_PROFILE_FOLDER: folder,
    BENCH_PROFILE_PROGRAM: PROGRAMS[processName] ?? `apps/${processName}-service/dist/main.js`,
  };
}

/** Profiles a process that was started with the environment for it. */
export async function makeProfiler({ folder, processName, prefix, onCosts }: ProfilerSettings): Promise<Profiler> {
  await mkdir(folder, { recursive: true });
  let taken = 0;
  return {
    processName,
    begin: async (pid) => {
      if (pid !== undefined) process.kill(pid, 'SIGUSR2');
    },
    end: async (pid, { name, messages }) => {
      if (pid === undefined) return;
      process.kill(pid, 'SIGUSR2');
      const file = join(folder, `${prefix}-${name}-${++taken}.cpuprofile`);
      const text = await movedText(join(folder, `${pid}.cpuprofile`), file);
      onCosts(costsOf(await withSources(JSON.parse(text) as CpuProfile), messages), file);
    },
  };
}

/** The profile, once it is written as a whole. */
async function movedText(from: string, to: string): Promise<string> {
  const deadline = performance.now() + WRITE_MS_MAX;
  for (;;) {
    const isThere = await rename(from, to).then(
      () => true,
      () => false,
    );
    if (isThere) return readFile(to, 'utf8');
    if (performance.now() > deadline) throw new Error('the process did not write its profile');
    await pause(LOOK_EVERY_MS);
  }
}
