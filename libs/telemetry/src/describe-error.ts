import { types } from 'node:util';
import { HeraldError, isReason } from '@herald/errors';

/** What may be known of an error. */
export interface DescribedError {
  kind: string;
  reason?: string;
  code?: string;
  at?: string[];
  cause?: DescribedError;
}

const PLACES_MAX = 8;
const CAUSES_MAX = 4;
/** What a class of errors is called. A name is a property as any other, and may be set to somebody's text. */
const KIND_FORM = /^[A-Za-z]{0,54}(?:Error|Exception)$/;
/** Codes of Node and Postgres: five capitals or digits, or words of capitals. More digits might be a phone number. */
const CODE_FORM = /^(?:[A-Z0-9]{5}|(?!.*\d{4})[A-Z][A-Z0-9]{1,15}(?:_[A-Z0-9]{1,15}){0,7})$/;

/**
 * What may be known of an error. Texts of errors hold what was handled when they were made: an address, a value of a
 * row; so may whatever else was put on them.
 */
export function describeError(error: unknown, depth = 0): DescribedError {
  if (!types.isNativeError(error)) return { kind: typeof error };
  try {
    return describeNative(error, depth);
  } catch {
    // A property of it is read by a getter that throws. The line is worth more than the rest of the error.
    return { kind: 'Error' };
  }
}

function describeNative(error: Error, depth: number): DescribedError {
  const code: unknown = 'code' in error ? error.code : undefined;
  const described: DescribedError = { kind: kindOf(error) };
  const reason = error instanceof HeraldError ? String(error.reason) : '';
  if (isReason(reason)) described.reason = reason;
  const shownCode = textOf(CODE_FORM, code);
  if (shownCode !== undefined) described.code = shownCode;
  const places = placesOf(error);
  if (places.length > 0) described.at = places.slice(0, PLACES_MAX);
  if (error.cause !== undefined && depth < CAUSES_MAX) described.cause = describeError(error.cause, depth + 1);
  return described;
}

/** What class of errors it is of; `Error` where its name is no name of a class. */
function kindOf({ name }: { name?: unknown }): string {
  return textOf(KIND_FORM, name) ?? 'Error';
}

function textOf(form: RegExp, value: unknown): string | undefined {
  return typeof value === 'string' && form.test(value) ? value : undefined;
}

/** What stands before the message in a stack: the class's name, and for Node's own errors their code. */
const STACK_HEAD_FORM = /^[$\w]{1,60}(?: \[\w{1,60}\])?(?=: |\n|$)/;
/**
 * The place at the end of a frame, in one line. The call before it is left out: it may be named by a value, as handlers
 * in a map are.
 */
const PLACE_FORM = /^\s+at (?!.*\d{8}).*?\(?((?:node:|file:\/\/|\/|[A-Za-z]:\\)[^()"\p{Cc}\p{Zl}\p{Zp}]*:\d+:\d+)\)?$/u;

/**
 * Where the calls of a stack are. It begins with the message, whose lines may look like calls: they are cut off first.
 * Where the stack does not begin with the whole message as it is now, nobody knows where it ends, and there are none.
 */
function placesOf({ message, stack }: { message: unknown; stack?: unknown }): string[] {
  if (typeof message !== 'string' || typeof stack !== 'string') return [];
  const head = STACK_HEAD_FORM.exec(stack)?.[0] ?? '';
  const beginnings = [`${head}: ${message}\n`, ...(message === '' ? [`${head}\n`] : [])];
  const beginning = beginnings.find((one) => head !== '' && stack.startsWith(one));
  if (beginning === undefined) return [];
  return stack
    .slice(beginning.length)
    .split('\n')
    .flatMap((line) => PLACE_FORM.exec(line)?.[1] ?? []);
}
