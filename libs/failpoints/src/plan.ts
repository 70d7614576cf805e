/** Where a process may be hurt on purpose: compile-time names, each a line of the code that it names. */
export const FAILPOINTS = [
  'submit.before_commit',
  'submit.after_commit',
  'relay.after_produce',
  'relay.after_mark',
  'dispatch.after_claim',
  'dispatch.before_socket_write',
  'dispatch.after_write',
  'dispatch.after_response',
  'ledger.before_commit',
  'ledger.after_commit',
  'settle.before_commit',
  'settle.after_commit',
  'webhook.after_verify',
  'webhook.after_publish_before_200',
  'lease.renew.skip',
  'offset.before_commit',
  'offset.after_commit',
] as const;

/** The name of a failpoint. */
export type Failpoint = (typeof FAILPOINTS)[number];

/** Faults of ours that whoever checks Herald must find: a message sent twice, and one that is said to be sent and is not. */
export const PLANTS = ['plant.duplicate', 'plant.loss'] as const;

/** The name of a planted fault. */
export type Plant = (typeof PLANTS)[number];

/** What happens at a failpoint. `exit` is SIGKILL and `stop` is SIGSTOP, both to the process itself. */
export type Action = 'exit' | 'stop' | 'throw' | 'delay' | 'plant';

/** When a failpoint acts, and how. */
export interface Rule {
  action: Action;
  /** For `delay`; else 0. */
  delayMs: number;
  /** Only at this hit, counted from 1; undefined is every hit. */
  at: number | undefined;
  /** How likely each hit acts, up to 1. */
  chance: number;
}

/** What failpoints are to do. */
export interface Plan {
  seed: number;
  rules: ReadonlyMap<Failpoint | Plant, Rule>;
}

const RULE = /^([a-z.0-9_]+)=(exit|stop|throw|delay|plant)(?::(\d{1,6}))?(?:@(\d{1,9}))?(?:%(0?\.\d+|[01](?:\.0+)?))?$/;
const SEED = /^seed=(\d{1,9})$/;
const FORM = 'It is name=action[:ms][@nth hit][%chance], separated by semicolons, and seed=number if chance is used';

/**
 * Reads `seed=7;dispatch.after_claim=exit@3;ledger.before_commit=delay:200%0.1`; an empty text is a plan without rules.
 * Throws an Error that says what may be written, and does not repeat what was.
 */
export function parsePlan(text: string): Plan {
  const rules = new Map<Failpoint | Plant, Rule>();
  let seed = 1;
  for (const part of text.split(';').map((each) => each.trim())) {
    if (part === '') continue;
    const given = SEED.exec(part);
    if (given) seed = Number(given[1]);
    else rules.set(...parseRule(part));
  }
  return { seed, rules };
}

function parseRule(part: string): [Failpoint | Plant, Rule] {
  const [, name = '', action, ms, at, chance] = RULE.exec(part) ?? [];
  if (action === undefined) throw new Error(`a failpoint has another form. ${FORM}`);
  if (!isName(name)) throw new Error(`there is no failpoint of such a name. They are ${FAILPOINTS.join(', ')}`);
  if ((action === 'plant') !== isPlant(name))
    throw new Error(`plant is for ${PLANTS.join(' and ')}, and nothing else is`);
  if ((action === 'delay') !== (ms !== undefined))
    throw new Error('delay takes its milliseconds, and no other action does');
  const rule: Rule = {
    action: action as Action,
    delayMs: Number(ms ?? 0),
    at: at === undefined ? undefined : Number(at),
    chance: Number(chance ?? 1),
  };
  return [name, rule];
}

function isName(name: string): name is Failpoint | Plant {
  return isPlant(name) || (FAILPOINTS as readonly string[]).includes(name);
}

function isPlant(name: string): name is Plant {
  return (PLANTS as readonly string[]).includes(name);
}
