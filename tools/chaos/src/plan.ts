import { diceOf, type Dice } from './dice';
import { FAILPOINT_HURTS } from './failpoint-hurts';
import type { BusName, Hurt } from './hurt';
import { PROCESS_HURTS } from './process-hurts';

/** Everything that may befall the system. */
export const HURTS: readonly Hurt[] = [...PROCESS_HURTS, ...FAILPOINT_HURTS];

/** A run: what befalls the system, and the dice that decide when, whom and how much. */
export interface Run {
  hurt: Hurt;
  dice: Dice;
}

/**
 * The runs of a seed on a bus, in an order that the seed draws, but first those in which processes end in order and then
 * those that lose reports: a consumer's partitions stand still for 30 s after its death, so that who leaves in order waits
 * for the dead, and reports of runs before are still under way. The dice of a run hang on the seed and its name alone.
 */
export function planOf(seed: number, bus: BusName, only: readonly string[] = []): Run[] {
  const meant = HURTS.filter(({ name, buses }) => buses.includes(bus) && (only.length === 0 || only.includes(name)));
  return diceOf(seed, 'order')
    .shuffled(meant)
    .sort((one, other) => turnOf(one) - turnOf(other))
    .map((hurt) => ({ hurt, dice: diceOf(seed, hurt.name) }));
}

function turnOf({ isOrderly, allowance }: Hurt): number {
  if (isOrderly) return 0;
  return allowance.mayLoseReports ? 1 : 2;
}
