import { chance } from './chance';
import type { Span } from './chance';
import type { Faults } from './faults';
import type { MessageStatus } from './message';

/** How a message ends. */
export interface Outcome {
  status: 'delivered' | 'undelivered' | 'failed';
  errorCode: number | null;
}

/** How messages to numbers with this ending end. */
export interface SuffixRule extends Outcome {
  suffix: string;
}

/** How often an outcome comes: `delivered`, `undelivered:30003`, `failed:30008`. What is missing to 1 is delivered. */
export type Shares = Readonly<Record<string, number>>;

/** All that can be changed while the simulator runs. */
export interface Behaviour {
  readonly seed: number;
  faults: Faults;
  shares: Shares;
  rules: readonly SuffixRule[];
  /** How long a message stays in each status. */
  statusDelay: Span;
  /** The statuses between the first and the last, in order. */
  readonly statuses: readonly MessageStatus[];
}

/** What becomes of messages when nobody says otherwise. */
export const DEFAULT_SHARES: Shares = {
  delivered: 0.97,
  'undelivered:30003': 0.01,
  'undelivered:30005': 0.01,
  'failed:30008': 0.01,
};

/** Reads `delivered`, `undelivered:30003` or `failed:30008`; throws an Error that says what may be written. */
export function parseOutcome(text: string): Outcome {
  const match = /^(?:(delivered)|(undelivered|failed):(\d{5}))$/.exec(text);
  if (!match)
    throw new Error(
      `"${text}" is no outcome. Write delivered, undelivered:CODE or failed:CODE, with a code of five digits.`,
    );
  const [, delivered, other, code] = match;
  if (delivered) return { status: 'delivered', errorCode: null };
  return { status: other === 'failed' ? 'failed' : 'undelivered', errorCode: Number(code) };
}

/** Checks shares that were given from outside; throws an Error that says what may be written. */
export function checkShares(shares: Shares): Shares {
  let total = 0;
  for (const [outcome, share] of Object.entries(shares)) {
    parseOutcome(outcome);
    if (!(share >= 0 && share <= 1)) throw new Error(`The share of "${outcome}" must be a number from 0 to 1.`);
    total += share;
  }
  if (total > 1 + 1e-9) throw new Error(`The shares add up to ${total.toFixed(2)}: keep their sum at 1 or below.`);
  return shares;
}

const DELIVERED: Outcome = { status: 'delivered', errorCode: null };

/** `+150055` and an error number of five digits that starts with 30. */
const NUMBER_OF_ERROR = /^\+150055(30\d{3})$/;
/** The errors that come before a message reaches a carrier. */
const FAILS_EARLY: ReadonlySet<number> = new Set([30001, 30002, 30036]);

/**
 * How a message to this recipient ends: by the first rule whose suffix fits, else by the number itself (`+15005530003` ends
 * with error 30003, every other number of `+1500555…` is delivered), else by the shares, the seed and the key.
 */
export function chooseOutcome(behaviour: Behaviour, to: string, key: string): Outcome {
  const rule = behaviour.rules.find(({ suffix }) => to.endsWith(suffix));
  if (rule) return rule;
  const code = Number(NUMBER_OF_ERROR.exec(to)?.[1] ?? 0);
  if (code > 0) return { status: FAILS_EARLY.has(code) ? 'failed' : 'undelivered', errorCode: code };
  if (to.startsWith('+1500555')) return DELIVERED;
  let draw = chance(behaviour.seed, `outcome|${key}`);
  for (const [outcome, share] of Object.entries(behaviour.shares)) {
    if (draw < share) return parseOutcome(outcome);
    draw -= share;
  }
  return DELIVERED;
}
