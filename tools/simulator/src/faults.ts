import { chance } from './chance';
import type { Span } from './chance';
import { parseSpan } from './span';

/** Every fault: what it does, how often when no probability is written, and its span of time when it has one. */
export const FAULTS = {
  slow: {
    probability: 0.3,
    span: { minMs: 200, maxMs: 2000 },
    text: 'the answer waits; goes together with any other fault',
  },
  '429': { probability: 0.1, text: 'answers 429 with code 20429 and Retry-After; nothing is accepted' },
  '500': { probability: 0.05, text: 'answers 500 with code 20500; nothing is accepted' },
  reset: { probability: 0.02, text: 'resets the connection; nothing is accepted' },
  blackhole: { probability: 0.02, text: 'never answers; nothing is accepted' },
  drop: { probability: 0.02, text: 'accepts, then destroys the connection without an answer' },
  half: { probability: 0.02, text: 'accepts, sends half of the answer, then destroys the connection' },
  hang: { probability: 0.02, text: 'accepts and never answers' },
  'cb-drop': { probability: 0.1, text: 'the callback is never sent' },
  'cb-double': { probability: 0.1, text: 'the callback is sent twice' },
  'cb-shuffle': {
    probability: 0.3,
    span: { minMs: 0, maxMs: 1000 },
    text: 'the callback waits, so that later ones overtake it',
  },
  'cb-delay': {
    probability: 0.3,
    span: { minMs: 200, maxMs: 2000 },
    text: 'the callback, and with it every later status, waits',
  },
  'cb-badsig': { probability: 0.1, text: 'the callback is signed with another token' },
} as const satisfies Record<string, { probability: number; span?: Span; text: string }>;

/** The name of a fault, as it is written in a fault specification. */
export type FaultName = keyof typeof FAULTS;

/** One fault that is switched on. */
export interface Fault {
  probability: number;
  span: Span;
}

/** The faults that are switched on. */
export type Faults = ReadonlyMap<FaultName, Fault>;

/** Other words for the same fault. */
const ALIASES: Record<string, FaultName> = { 'accepted-then-dropped': 'drop' };

/** The faults of which one request meets one at most: their probabilities are added up. */
const EXCLUSIVE = ['429', '500', 'reset', 'blackhole', 'drop', 'half', 'hang'] as const satisfies readonly FaultName[];

/** What may happen to one request to send, besides being slow. */
export type RequestFault = (typeof EXCLUSIVE)[number];

/**
 * Reads a fault specification: `name[=span][:probability]`, separated by commas, for example
 * `slow=200ms..2s:0.3,429:0.1,drop:0.02`. What is left out has the default of {@link FAULTS}; an empty text or `none` is no fault.
 * Throws an Error that says what may be written.
 */
export function parseFaults(text: string): Faults {
  const faults = new Map<FaultName, Fault>();
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === 'none') return faults;
  for (const part of trimmed.split(',')) {
    const { name, fault } = parseFault(part.trim());
    if (faults.has(name)) throw new Error(`The fault "${name}" is given twice. Write each fault once.`);
    faults.set(name, fault);
  }
  const total = EXCLUSIVE.reduce((sum, name) => sum + (faults.get(name)?.probability ?? 0), 0);
  if (total > 1 + 1e-9) {
    throw new Error(
      `The probabilities of ${EXCLUSIVE.join(', ')} add up to ${total.toFixed(2)}. ` +
        'One request meets one of them: keep their sum at 1 or below.',
    );
  }
  return faults;
}

function parseFault(part: string): { name: FaultName; fault: Fault } {
  const match = /^([a-z0-9-]+)(?:=([^:]*))?(?::(.*))?$/.exec(part);
  const written = match?.[1] ?? '';
  const name = ALIASES[written] ?? written;
  if (!isFaultName(name)) {
    throw new Error(
      `"${part}" is not a fault. Write name[=span][:probability], separated by commas, ` +
        `with one of: ${Object.keys(FAULTS).join(', ')}; or none.`,
    );
  }
  return { name, fault: { probability: readProbability(name, match?.[3]), span: readSpan(name, match?.[2]) } };
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

function readProbability(name: FaultName, text: string | undefined): number {
  if (text === undefined) return FAULTS[name].probability;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new Error(`"${text}" is no probability. Write a number from 0 to 1, for example ${name}:0.1.`);
}

function readSpan(name: FaultName, text: string | undefined): Span {
  const row = FAULTS[name];
  if (text === undefined) return 'span' in row ? row.span : { minMs: 0, maxMs: 0 };
  if (!('span' in row)) throw new Error(`The fault "${name}" takes no span of time. Write ${name}:0.1.`);
  const span = parseSpan(text);
  if (span) return span;
  throw new Error(
    `"${text}" is no span of time. Write one or two lengths, for example ${name}=200ms..2s or ${name}=1s.`,
  );
}

/** The specification of the faults in full, with every default written out. */
export function formatFaults(faults: Faults): string {
  const parts = [...faults].map(([name, { probability, span }]) => {
    const spanText = span.maxMs > 0 ? `=${span.minMs}ms..${span.maxMs}ms` : '';
    return `${name}${spanText}:${probability}`;
  });
  return parts.length > 0 ? parts.join(',') : 'none';
}

/** Which fault the request with this key meets, if any. */
export function chooseRequestFault(faults: Faults, seed: number, key: string): RequestFault | undefined {
  if (faults.size === 0) return undefined;
  let draw = chance(seed, `fault|${key}`);
  for (const name of EXCLUSIVE) {
    const probability = faults.get(name)?.probability ?? 0;
    if (draw < probability) return name;
    draw -= probability;
  }
  return undefined;
}

/** The fault if it is switched on and strikes the given key. */
export function strikes(faults: Faults, name: FaultName, seed: number, key: string): Fault | undefined {
  const fault = faults.get(name);
  return fault && chance(seed, `${name}|${key}`) < fault.probability ? fault : undefined;
}
