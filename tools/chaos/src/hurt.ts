import type { Dice } from './dice';
import type { Allowance } from './judge';
import type { Target } from './target';

/** The transports of events that the system is tried on. */
export const BUSES = ['kafka', 'in-process'] as const;

/** One of them: over Kafka each service has processes of its own, in process all are one. */
export type BusName = (typeof BUSES)[number];

/** Something that befalls the system while it is under load. */
export interface Hurt {
  name: string;
  text: string;
  buses: readonly BusName[];
  allowance: Allowance;
  /** Whether processes end in order only, so that nothing at all may become unknown. */
  isOrderly: boolean;
  /** Hurts the system for about so long, and leaves it whole. Throws where it could not be hurt. */
  act(target: Target, dice: Dice, seconds: number): Promise<void>;
}

const NOTHING_ALLOWED: Allowance = { mayGoUnanswered: false, mayLoseReports: false };

/** Makes a hurt of which nothing may come but what a kill leaves, on both buses, unless it says otherwise. */
export function hurt(
  name: string,
  text: string,
  act: Hurt['act'],
  rest: Partial<Omit<Hurt, 'allowance'>> & { allowance?: Partial<Allowance> } = {},
): Hurt {
  const allowance = { ...NOTHING_ALLOWED, ...rest.allowance };
  return { buses: BUSES, isOrderly: false, ...rest, name, text, act, allowance };
}
