import { distributedTarget } from './distributed-target';
import type { Found } from './found';
import { oneProcessTarget } from './one-process-target';
import { planOf } from './plan';
import { runAll, type SeedOutcome } from './run';
import type { Systems } from './systems';

/** Not the five minutes of every day: what stays unknown is to be settled while somebody waits. */
const LOOK_UP_SECONDS = '2';

/** What `--plant` may break: one message of twenty is doubled or lost. */
export const PLANTED = { duplicate: 'plant.duplicate=plant%0.05', loss: 'plant.loss=plant%0.05' } as const;

/** Runs of one seed on one bus. */
export type Job = Pick<Found, 'bus' | 'seed' | 'only'>;

/** How the runs of a seed are done. */
export interface SeedSettings {
  /** How long the provider or the broker is away. */
  seconds: number;
  plant: keyof typeof PLANTED | undefined;
  /** The environment that the processes of the system inherit. */
  inherited: Readonly<Record<string, string | undefined>>;
  systems: Systems;
  print(line: string): void;
}

/**
 * Does the runs of a seed over a system of its own, and prints what each came to. Never throws: a system that does not
 * start, or ends what it is asked, is a fault of this seed and leaves the verdicts on the others.
 */
export async function runSeed(job: Job, settings: SeedSettings): Promise<SeedOutcome> {
  const { print } = settings;
  const { outcomes, faults } = await judged(job, settings);
  for (const outcome of outcomes) print(`  ${JSON.stringify(outcome)}`);
  const all = [...faults, ...outcomes.flatMap(({ name, faults: own }) => own.map((fault) => `${name}: ${fault}`))];
  for (const fault of all) print(`FAULT ${fault}`);
  if (all.length > 0) print(`Again: ${commandOf(job, settings)}`);
  return { outcomes, faults: all };
}

async function judged(
  { bus, seed, only }: Job,
  { seconds, plant, inherited, systems, print }: SeedSettings,
): Promise<SeedOutcome> {
  const runs = planOf(seed, bus, only);
  const start = bus === 'kafka' ? distributedTarget : oneProcessTarget;
  const env = { HERALD_LOG_LEVEL: 'silent', HERALD_OUTCOME_LOOKUP_SECONDS: LOOK_UP_SECONDS, ...inherited };
  try {
    return await systems.whileUp(
      () => {
        print(`Seed ${seed} on ${bus}: ${runs.length} runs. Starting the system …`);
        return start(env, plant === undefined ? '' : `seed=${seed};${PLANTED[plant]}`);
      },
      (target) => runAll(target, runs, { seconds, print }),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { outcomes: [], faults: [`the seed was not judged: ${reason}`] };
  }
}

function commandOf({ bus, seed, only }: Job, { seconds, plant }: SeedSettings): string {
  const some = only.length === 0 ? '' : ` --only ${only.join(' ')}`;
  const planted = plant === undefined ? '' : ` --plant ${plant}`;
  return `npm run chaos -- --bus ${bus} --seed ${seed} --seconds ${seconds}${planted}${some}`;
}
