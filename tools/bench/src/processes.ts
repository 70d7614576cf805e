import { readdir, readFile, writeFile } from 'node:fs/promises';

/** What one process, or PostgreSQL with all its processes, used while something was measured. */
export interface Usage {
  /** The most memory at once, in MB: VmHWM, and of PostgreSQL what its processes have for themselves and the memory they share once. */
  rssMb: number;
  cpuSeconds: number;
}

/** What was used between two moments. */
export interface UsageWatch {
  end(): Promise<Record<string, Usage>>;
}

/** USER_HZ: /proc counts processor time in hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const KB_PER_MB = 1024;
/** Of these the children count too. */
const WITH_CHILDREN = new Set(['postgres']);

/**
 * Begins to watch processes by name. Peaks of memory count from now on where the system lets us say so
 * (`/proc/PID/clear_refs`, for processes of the same user), else since the process began. Where there is no /proc there
 * is nothing to tell.
 */
export async function watchUsage(processes: Readonly<Record<string, number>>): Promise<UsageWatch> {
  const before = new Map<string, number>();
  for (const [name, pid] of Object.entries(processes)) {
    await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);
    before.set(name, await cpuSecondsOf(name, pid));
  }
  return {
    end: async () => {
      const used: Record<string, Usage> = {};
      for (const [name, pid] of Object.entries(processes)) {
        const cpuSeconds = (await cpuSecondsOf(name, pid)) - (before.get(name) ?? 0);
        const rssMb = WITH_CHILDREN.has(name) ? await sharedRssMb(pid) : await peakRssMb(pid);
        used[name] = { rssMb: Math.round(rssMb), cpuSeconds: Math.round(cpuSeconds * 10) / 10 };
      }
      return used;
    },
  };
}

/** Of several windows: processor time in all, and the highest peak of memory. */
export function addUsages(usages: readonly Readonly<Record<string, Usage>>[]): Record<string, Usage> {
  const sum: Record<string, Usage> = {};
  for (const [name, { rssMb, cpuSeconds }] of usages.flatMap((usage) => Object.entries(usage))) {
    const before = sum[name] ?? { rssMb: 0, cpuSeconds: 0 };
    const all = Math.round((before.cpuSeconds + cpuSeconds) * 10) / 10;
    sum[name] = { rssMb: Math.max(before.rssMb, rssMb), cpuSeconds: all };
  }
  return sum;
}

/** The highest VmHWM of a process since it was last cleared, in MB. */
async function peakRssMb(pid: number): Promise<number> {
  return kilobytesOf(await statusOf(pid), 'VmHWM') / KB_PER_MB;
}

async function sharedRssMb(pid: number): Promise<number> {
  const all = await Promise.all([pid, ...(await childrenOf(pid))].map(statusOf));
  const own = all.reduce((sum, status) => sum + kilobytesOf(status, 'RssAnon'), 0);
  return (own + Math.max(0, ...all.map((status) => kilobytesOf(status, 'RssShmem')))) / KB_PER_MB;
}

async function statusOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
}

function kilobytesOf(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
}

async function cpuSecondsOf(name: string, pid: number): Promise<number> {
  if (!WITH_CHILDREN.has(name)) return (await timesOf(pid)).own;
  const children = await Promise.all((await childrenOf(pid)).map(timesOf));
  const { own, ofEnded } = await timesOf(pid);
  return children.reduce((sum, child) => sum + child.own, own + ofEnded);
}

/** Seconds of a process, and of the children of it that have ended. */
async function timesOf(pid: number): Promise<{ own: number; ofEnded: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program stands in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (at: number) => Number(fields[at] ?? 0) / TICKS_PER_SECOND;
  return { own: seconds(11) + seconds(12), ofEnded: seconds(13) + seconds(14) };
}

async function childrenOf(parent: number): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
        const [, parentOfIt] = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return Number(parentOfIt) === parent ? [Number(name)] : [];
      }),
  );
  return found.flat();
}
