import { configureLogs } from '@herald/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FOUND } from './found';
import { BUSES, type BusName } from './hurt';
import { HURTS, planOf } from './plan';
import { PLANTED, runSeed, type Job, type SeedSettings } from './seed';
import { sideBySide } from './side-by-side';
import { sumOf } from './sum';
import { Systems } from './systems';

const SECONDS_DEFAULT = 3;
/** A dozen processes and a broker each: more would measure how long a machine makes its processes wait. */
const AT_ONCE_MAX = 16;
const INTERRUPTED_EXIT_CODE = 130;

interface Options {
  found?: boolean;
  bus?: BusName;
  seeds: number;
  seed: number;
  atOnce: number;
  only: readonly string[];
  seconds: number;
  plant?: SeedSettings['plant'];
}

/** Hurts the system under load in every way there is, and proves what became of every accepted message. */
async function main(): Promise<void> {
  await new Command('chaos')
    .description('hurt the system under load in every way there is, and prove what became of every accepted message')
    .addOption(new Option('--bus <name>', 'one of the two; both without it').choices(BUSES))
    .option('--seeds <number>', 'how many seeds, from --seed on', whole(), 1)
    .option('--seed <number>', 'decides the order, the moments, the victims', whole(), 1)
    .option('--at-once <number>', `how many seeds side by side, each over a system of its own`, whole(AT_ONCE_MAX), 1)
    .option('--only <name...>', `some of: ${HURTS.map(({ name }) => name).join(', ')}`, hurtNamed, [])
    .option('--seconds <number>', 'how long the provider or the broker is away', whole(), SECONDS_DEFAULT)
    .option('--found', 'only the seeds that once found a fault')
    .addOption(
      new Option('--plant <fault>', 'break Herald on purpose; the exit code is then 1').choices(Object.keys(PLANTED)),
    )
    .action(run)
    .parseAsync();
}

const interrupted = new AbortController();
const systems = new Systems(interrupted.signal);

async function run({ bus, found, atOnce, seconds, plant, ...options }: Options): Promise<void> {
  configureLogs({ level: 'silent' });
  const buses = bus === undefined ? BUSES : [bus];
  const wished: readonly Job[] =
    found === true ? FOUND.filter((each) => buses.includes(each.bus)) : jobsOf(buses, options);
  const jobs = wished.filter((job) => planOf(job.seed, job.bus, job.only).length > 0);
  const came = await sideBySide(jobs, { atOnce, stopping: interrupted.signal }, (job) => {
    const prefix = atOnce === 1 ? '' : `[${job.bus} ${job.seed}] `;
    const print = (line: string) => say(`${prefix}${line}`);
    return runSeed(job, { ...{ seconds, plant, systems, print }, inherited: process.env });
  });
  say(
    JSON.stringify(
      sumOf(
        bus ?? 'both',
        came.flatMap(({ outcomes }) => outcomes),
      ),
    ),
  );
  if (came.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

/** Each seed on each bus. */
function jobsOf(buses: readonly BusName[], { seed, seeds, only }: Pick<Options, 'seed' | 'seeds' | 'only'>): Job[] {
  const numbers = Array.from({ length: seeds }, (_, index) => seed + index);
  return buses.flatMap((bus) => numbers.map((number) => ({ bus, seed: number, only })));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted.abort();
    void systems.stop().finally(() => process.exit(INTERRUPTED_EXIT_CODE));
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function hurtNamed(name: string, earlier: readonly string[]): readonly string[] {
  if (!HURTS.some((each) => each.name === name)) throw new InvalidArgumentError('There is no run of this name.');
  return [...earlier, name];
}

function whole(most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(
      `It is a whole number from 1 ${most === Number.MAX_SAFE_INTEGER ? 'on' : `to ${most}`}.`,
    );
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
