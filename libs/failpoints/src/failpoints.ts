import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parsePlan, type Failpoint, type Plan, type Plant, type Rule } from './plan';

/** What is armed: undefined in every process whose environment does not name failpoints. */
let armed: { rules: Map<string, Rule & { hits: number }>; chance: () => number; report: string } | undefined;

/**
 * Arms the failpoints of this process. `spec` is a plan, or `@` and a file with one, which is read again at each SIGUSR2.
 * Each act is a line `pid name action` in the file `report`, written before it acts; so is `pid armed plan`.
 * Throws an Error where the plan cannot be read.
 */
export function armFailpoints(spec: string, report: string): void {
  if (!spec.startsWith('@')) return arm(spec, report);
  const file = spec.slice(1);
  arm(readFileSync(file, 'utf8').trim(), report);
  process.on('SIGUSR2', () => arm(readFileSync(file, 'utf8').trim(), report));
}

/** Whether any failpoint can act: what goes through several of them for each message asks once. */
export function isArmed(): boolean {
  return armed !== undefined;
}

/** Switches all failpoints off again, for specs. */
export function disarmFailpoints(): void {
  armed = undefined;
}

function arm(text: string, report: string): void {
  const { seed, rules } = parsePlan(text);
  armed = { rules: new Map(counted(rules)), chance: chanceFrom(seed), report };
  tell(`armed ${text}`);
}

function counted(rules: Plan['rules']) {
  return [...rules].map(([name, rule]) => [name, { ...rule, hits: 0 }] as const);
}

/**
 * A place where the process may be hurt. Does nothing, and costs one comparison, unless failpoints are armed. Rejects for
 * `throw`; does not come back from `exit`, and from `stop` when somebody continues the process.
 */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  return armed === undefined ? undefined : act(name);
}

/** Like `failpoint`, when this turn of the event loop is over, and with nobody to tell a failure to. */
export function failpointAfterTurn(name: Failpoint): void {
  if (armed !== undefined) setImmediate(() => void act(name).catch(() => undefined));
}

/** Whether a planted fault is to show now. Always false unless failpoints are armed. */
export function isPlanted(name: Plant): boolean {
  return armed !== undefined && strikes(name) !== undefined;
}

async function act(name: Failpoint): Promise<void> {
  const rule = strikes(name);
  switch (rule?.action) {
    case 'exit':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      break;
    case 'throw':
      throw new Error(`the failpoint ${name} threw`);
    case 'delay':
      await pause(rule.delayMs);
      break;
    case 'plant':
    case undefined:
      break;
  }
}

/** Counts a hit, and returns the rule if it is to act; that is reported before it does. */
function strikes(name: Failpoint | Plant): Rule | undefined {
  const rule = armed?.rules.get(name);
  if (!armed || !rule) return undefined;
  rule.hits += 1;
  if (rule.at !== undefined && rule.hits !== rule.at) return undefined;
  if (rule.chance < 1 && armed.chance() >= rule.chance) return undefined;
  tell(`${name} ${rule.action}`);
  return rule;
}

function tell(what: string): void {
  if (armed && armed.report !== '') appendFileSync(armed.report, `${process.pid} ${what}\n`);
}

/** Mulberry32 (Tommy Ettinger, public domain): a few lines, and the same row of numbers everywhere. */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
