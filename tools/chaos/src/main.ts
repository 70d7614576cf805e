import type { Running } from '@herald/service';
import { configureLogs } from '@herald/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { distributedTarget } from './distributed-target';
import { FOUND, type Found } from './found';
import { BUSES, type BusName } from './hurt';
import { oneProcessTarget } from './one-process-target';
import { HURTS, planOf, type Run } from './plan';
import { runAll, type Outcome } from './run';
import { sumOf } from './sum';

const SECONDS_DEFAULT = 3;
const INTERRUPTED_EXIT_CODE = 130;
/** Not the five minutes of every day: what stays unknown is to be settled while somebody waits. */
const LOOK_UP_SECONDS = '2';
const PLANTED = { duplicate: 'plant.duplicate=plant%0.05', loss: 'plant.loss=plant%0.05' } as const;

/** Runs of one seed on one bus. */
type Job = Pick<Found, 'bus' | 'seed' | 'only'>;

interface Options {
  found?: boolean;
  bus?: BusName;
  seeds: number;
  seed: number;
  only: readonly string[];
  seconds: number;
  plant?: keyof typeof PLANTED;
}

/** Hurts the system under load in every way there is, and proves what became of every accepted message. */
async function main(): Promise<void> {
  await new Command('chaos')
    .description('hurt the system under load in every way there is, and prove what became of every accepted message')
    .addOption(new Option('--bus <name>', 'one of the two; both without it').choices(BUSES))
    .option('--seeds <number>', 'how many seeds, from --seed on', whole, 1)
    .option('--seed <number>', 'decides the order, the moments, the victims', whole, 1)
    .option('--only <name...>', `some of: ${HURTS.map(({ name }) => name).join(', ')}`, hurtNamed, [])
    .option('--seconds <number>', 'how long the provider or the broker is away', whole, SECONDS_DEFAULT)
    .option('--found', 'only the seeds that once found a fault')
    .addOption(
      new Option('--plant <fault>', 'break Herald on purpose; the exit code is then 1').choices(Object.keys(PLANTED)),
    )
    .action(run)
    .parseAsync();
}

async function run(options: Options): Promise<void> {
  configureLogs({ level: 'silent' });
  const { bus, found } = options;
  const buses = bus === undefined ? BUSES : [bus];
  const outcomes: Outcome[] = [];
  const faults: string[] = [];
  for (const { only, ...each } of found === true
    ? FOUND.filter((each) => buses.includes(each.bus))
    : jobsOf(buses, options)) {
    const runs = planOf(each.seed, each.bus, only);
    if (runs.length === 0) continue;
    const came = await runSeed({ ...options, ...each }, runs);
    outcomes.push(...came.outcomes);
    faults.push(...came.faults);
  }
  print(JSON.stringify(sumOf(bus ?? 'both', outcomes)));
  if (faults.length > 0) process.exitCode = 1;
}

/** Each seed on each bus. */
function jobsOf(buses: readonly BusName[], { seed, seeds, only }: Options): Job[] {
  const numbers = Array.from({ length: seeds }, (_, index) => seed + index);
  return buses.flatMap((bus) => numbers.map((number) => ({ bus, seed: number, only })));
}

/** What runs now, and is to be stopped when somebody interrupts. */
let running: Running | undefined;

async function runSeed(
  { bus, seed, seconds, plant }: Options & { bus: BusName },
  runs: readonly Run[],
): Promise<{ outcomes: readonly Outcome[]; faults: string[] }> {
  print(`Seed ${seed} on ${bus}: ${runs.length} runs. Starting the system …`);
  const start = bus === 'kafka' ? distributedTarget : oneProcessTarget;
  const env = { HERALD_LOG_LEVEL: 'silent', HERALD_OUTCOME_LOOKUP_SECONDS: LOOK_UP_SECONDS, ...process.env };
  const target = await start(env, plant === undefined ? '' : `seed=${seed};${PLANTED[plant]}`);
  running = target;
  try {
    const { outcomes, faults } = await runAll(target, runs, { seconds, print });
    for (const outcome of outcomes) print(`  ${JSON.stringify(outcome)}`);
    const all = [...faults, ...outcomes.flatMap(({ name, faults: own }) => own.map((fault) => `${name}: ${fault}`))];
    for (const fault of all) print(`FAULT ${fault}`);
    const planted = plant === undefined ? '' : ` --plant ${plant}`;
    if (all.length > 0) print(`Again: npm run chaos -- --bus ${bus} --seed ${seed} --seconds ${seconds}${planted}`);
    return { outcomes, faults: all };
  } finally {
    await target.stop();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    const stopped = running?.stop() ?? Promise.resolve();
    void stopped.catch(() => undefined).finally(() => process.exit(INTERRUPTED_EXIT_CODE));
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function hurtNamed(name: string, earlier: readonly string[]): readonly string[] {
  if (!HURTS.some((each) => each.name === name)) throw new InvalidArgumentError('There is no run of this name.');
  return [...earlier, name];
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return number;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
