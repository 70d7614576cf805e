import { judge, type Verdict } from './judge';
import { faultsOf, type Scenario } from './scenarios';
import type { Target } from './target';

/** What a run of a scenario came to. */
export interface Outcome extends Verdict {
  scenario: string;
  promise: string;
  /** The longest that a caller waited until a request was accepted. */
  requestMsMax: number;
  /** How often a call was refused with what may be repeated, beyond the client's own repeats. */
  repeats: number;
  faults: readonly string[];
}

/** A killed replica's partitions are held for 30 s, and what it left is settled 20 s after its last moment to send. */
const SETTLE_MS_MAX = 90_000;

/** Runs a scenario under load, waits until everything is settled, and judges it. */
export async function runScenario(scenario: Scenario, target: Target, seconds: number): Promise<Outcome> {
  const load = target.beginLoad();
  try {
    await scenario.hurt(target, seconds);
  } finally {
    await load.stop();
  }
  const verdict = judge(await target.settle(load.accepted, SETTLE_MS_MAX));
  const ledgers = await target.ledgers();
  const faults = faultsOf(verdict, scenario);
  if (!ledgers.every(({ conserved }) => conserved)) faults.push('a ledger is not conserved');
  return {
    ...{ scenario: scenario.name, promise: scenario.promise, ...verdict },
    ...{ requestMsMax: load.longestRequestMs(), repeats: load.repeats(), faults },
  };
}
