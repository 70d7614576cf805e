import { configureLogs } from '@herald/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { distributedTarget } from './distributed-target';
import { BUSES, type BusName } from './hurt';
import { oneProcessTarget } from './one-process-target';
import { HURTS, planOf, type Run } from './plan';
import { runAll, type Outcome } from './run';
import { sumOf } from './sum';

const SECONDS_DEFAULT = 3;
/** Not the five minutes of every day: what stays unknown is to be settled while somebody waits. */
const LOOK_UP_SECONDS = '2';
const PLANTED = { duplicate: 'plant.duplicate=plant%0.05', loss: 'plant.loss=plant%0.05' } as const;

interface Options {
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
    .addOption(
      new Option('--plant <fault>', 'break Herald on purpose; the exit code is then 1').choices(Object.keys(PLANTED)),
    )
    .action(run)
    .parseAsync();
}

async function run(options: Options): Promise<void> {
  configureLogs({ level: 'silent' });
  const { bus, seed, seeds } = options;
  const outcomes: Outcome[] = [];
  const faults: string[] = [];
  for (const each of bus === undefined ? BUSES : [bus]) {
    for (let next = seed; next < seed + seeds; next += 1) {
      const runs = planOf(next, each, options.only);
      if (runs.length === 0) continue;
      const found = await runSeed({ ...options, bus: each, seed: next }, runs);
      outcomes.push(...found.outcomes);
      faults.push(...found.faults);
    }
  }
  print(JSON.stringify(sumOf(bus ?? 'both', outcomes)));
  if (faults.length > 0) process.exitCode = 1;
}

async function runSeed(
  { bus, seed, seconds, plant }: Options & { bus: BusName },
  runs: readonly Run[],
): Promise<{ outcomes: readonly Outcome[]; faults: string[] }> {
  print(`Seed ${seed} on ${bus}: ${runs.length} runs. Starting the system …`);
  const start = bus === 'kafka' ? distributedTarget : oneProcessTarget;
  const env = { HERALD_LOG_LEVEL: 'silent', HERALD_OUTCOME_LOOKUP_SECONDS: LOOK_UP_SECONDS, ...process.env };
  const target = await start(env, plant === undefined ? '' : `seed=${seed};${PLANTED[plant]}`);
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
