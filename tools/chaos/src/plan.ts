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

/** The runs of a seed on a bus, in an order that the seed draws. The dice of a run hang on the seed and its name alone. */
export function planOf(seed: number, bus: BusName, only: readonly string[] = []): Run[] {
  const meant = HURTS.filter(({ name, buses }) => buses.includes(bus) && (only.length === 0 || only.includes(name)));
  return diceOf(seed, 'order')
    .shuffled(meant)
    .map((hurt) => ({ hurt, dice: diceOf(seed, hurt.name) }));
}
