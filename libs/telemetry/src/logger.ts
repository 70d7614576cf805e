import { pino } from 'pino';
import type { DestinationStream } from 'pino';
import { describeError } from './describe-error';

/**
 * What the text of a field may look like. Code fills the fields with its own names; a form is for the day somebody puts
 * an address, a token or a sentence there: it is not written. Parts of names are short, for a token is one long part.
 */
const FORMS = {
  name: /^(?!.*\d{8})[A-Za-z]\w{0,19}(?:[.-]\w{1,20}){0,12}$/,
  reason: /^[A-Z]{2,20}(?:_[A-Z]{1,20}){0,7}$/,
  rpc: /^(?:[a-z][a-z0-9]{0,19}\.){1,6}[A-Za-z]{1,60}\/[A-Za-z]{1,60}$/,
  topic: /^[a-z]{1,20}(?:\.[a-z]{1,20}){1,4}\.v\d{1,3}$/,
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  word: /^[a-z]{1,20}(?:-[a-z]{1,20}){0,3}$/,
  words: /^(?:[a-z]{1,20}(?:-[a-z]{1,20}){0,3}(?: |$)){0,8}$/,
} as const;
/** Seven digits: no phone number with its country's code is as short, and no count, duration or port is longer. */
const NUMBER_MAX = 9_999_999;

/**
 * The fields a log line may have, the form of their values, and what they mean. Nothing else comes through: a list of
 * what to hide would miss what nobody thought of.
 */
export const LOG_FIELDS = {
  count: { form: 'number', text: 'how many' },
  durationMs: { form: 'number', text: 'how long it took, in milliseconds' },
  error: { form: 'error', text: 'what failed: its kind, reason, code and place, never its text' },
  errorId: { form: 'uuid', text: 'the id a caller got of an internal error' },
  failing: { form: 'words', text: 'names of health checks that fail' },
  group: { form: 'name', text: 'a group of consumers' },
  method: { form: 'rpc', text: 'an RPC' },
  month: { form: 'number', text: 'a month, as 202611' },
  next: { form: 'word', text: 'what happens to a record that could not be handled' },
  partition: { form: 'number', text: 'a partition of a topic' },
  port: { form: 'number', text: 'where it listens' },
  reason: { form: 'reason', text: 'a reason, a row of a table of reasons' },
  service: { form: 'word', text: 'a service' },
  table: { form: 'name', text: 'a table' },
  topic: { form: 'topic', text: 'a topic' },
  tries: { form: 'number', text: 'how many tries it took so far' },
} as const satisfies Record<string, { form: keyof typeof FORMS | 'number' | 'error'; text: string }>;

type FieldName = keyof typeof LOG_FIELDS;
type ValueOf<Form> = Form extends 'error' ? unknown : Form extends 'number' ? number : string;

/** The fields of one line; a name that is not in the table does not compile. */
export type LogFields = { [Name in FieldName]?: ValueOf<(typeof LOG_FIELDS)[Name]['form']> };

/** A text that is written out where it is used: one that holds a value is `never`, so it does not compile. */
type Constant<Text extends string> = Record<never, never> extends Record<Text, 1> ? never : Text;

/** Writes a line of a level. The message is a constant sentence; what varies goes into fields. */
type Write = <Text extends string>(message: Text & Constant<Text>, fields?: LogFields) => void;

/** Writes lines of JSON. */
export interface Logger {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** How much is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

let root = makeRoot(pino.destination({ dest: 2, sync: true }), 'info');

/** Sets how much is logged, and to where; stderr if left out, so that stdout stays a command's own. */
export function configureLogs(settings: { level: LogLevel; destination?: DestinationStream }): void {
  root = makeRoot(settings.destination ?? pino.destination({ dest: 2, sync: true }), settings.level);
}

function makeRoot(destination: DestinationStream, level: LogLevel) {
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, destination);
}

/** A logger of one part of the system. */
export function logger(part: string): Logger {
  const write =
    (level: Exclude<LogLevel, 'silent'>): Write =>
    (message, fields = {}) => {
      if (root.isLevelEnabled(level)) root[level]({ part, ...allowed(fields) }, message);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function allowed(fields: LogFields): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!Object.hasOwn(LOG_FIELDS, name) || value === undefined) continue;
    const { form } = LOG_FIELDS[name as FieldName];
    if (form === 'error') shown[name] = describeError(value);
    else if (hasForm(form, value)) shown[name] = value;
  }
  return shown;
}

function hasForm(form: keyof typeof FORMS | 'number', value: unknown): boolean {
  if (form === 'number') return typeof value === 'number' && Math.abs(value) <= NUMBER_MAX;
  return typeof value === 'string' && FORMS[form].test(value);
}
