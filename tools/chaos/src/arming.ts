import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FAILPOINTS, PLANTS } from '@herald/failpoints';

/** A process that can be hurt. */
export interface Victim {
  readonly name: string;
  readonly pid: number | undefined;
  /** Resolves when the process that runs now says that it is ready. */
  ready(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it, and resolves when another that took its place is ready. */
  restart(by: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** An act of a failpoint, as its process reported it. */
export interface Hit {
  pid: number;
  name: string;
}

/** The failpoints of the processes of a system. */
export interface Arming {
  /** What their processes are started with. */
  env: Readonly<Record<string, string>>;
  /** Has a process do as a plan says from now on. Resolves when it has read it. */
  arm(victim: Victim, plan: string): Promise<void>;
  /** What processes are to do that start from now on. */
  disarm(): Promise<void>;
  /** All acts so far. */
  hits(): Promise<Hit[]>;
}

const LOOK_EVERY_MS = 20;
const ARMED_WITHIN_MS = 10_000;
const KNOWN = new Set<string>([...FAILPOINTS, ...PLANTS]);

/** Keeps the plan and the reports of failpoints in a folder. `always` stays in each plan. */
export async function makeArming(folder: string, always: string): Promise<Arming> {
  const [plan, report] = [join(folder, 'failpoints'), join(folder, 'failpoint-hits')];
  const lines = async () => (await readFile(report, 'utf8')).split('\n');
  const write = (text: string) => writeFile(plan, [always, text].filter((part) => part !== '').join(';'));
  await Promise.all([write(''), writeFile(report, '')]);
  return {
    env: { HERALD_FAILPOINTS: `@${plan}`, HERALD_FAILPOINTS_REPORT: report },
    arm: async (victim, text) => {
      await victim.ready();
      const before = (await lines()).length;
      await write(text);
      victim.signal('SIGUSR2');
      const deadline = performance.now() + ARMED_WITHIN_MS;
      const sign = `${victim.pid} armed `;
      while (!(await lines()).slice(before - 1).some((line) => line.startsWith(sign))) {
        if (performance.now() > deadline) throw new Error(`${victim.name} did not read its failpoints`);
        await pause(LOOK_EVERY_MS);
      }
    },
    disarm: () => write(''),
    hits: async () =>
      (await lines()).flatMap((line) => {
        const [pid, name = ''] = line.split(' ');
        return KNOWN.has(name) ? [{ pid: Number(pid), name }] : [];
      }),
  };
}
