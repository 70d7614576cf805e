import { types } from 'node:util';
import { HeraldError } from '@herald/errors';

const { isNativeError } = types;

/** Serialization failure and deadlock: the transaction was rolled back and succeeds when it is run again. */
const REPEATABLE = new Set(['40001', '40P01']);
/** A lock or a statement took too long: others hold what it needs. */
const BUSY = new Set(['55P03', '57014', '53300', '25P03']);
/** The server goes down, comes up, or cut the connection; class 08 is the connection itself. */
const GONE = /^(08|57P0[1-5])/;
const GONE_SOCKETS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);
/** What pg says, without a code, of a connection that ended beneath a query, or of one that gave no answer in time. */
const GONE_WORDS =
  /^(Connection terminated|timeout expired|Client has encountered a connection error|Client was closed|Query read timeout)/;
/** What a transaction meets whose connection was cut between two of its statements. */
const GONE_NAMES = new Set(['QueryRunnerAlreadyReleasedError']);

/** Whether the transaction can simply be run again. */
export function isRepeatable(error: unknown): boolean {
  return REPEATABLE.has(codeOf(error));
}

/** What a caller may know of a database error: that the database is busy or away. Everything else stays as it is. */
export function explained(error: unknown): unknown {
  const code = codeOf(error);
  if (BUSY.has(code) || isRepeatable(error)) return busy(error);
  if (!GONE.test(code) && !GONE_SOCKETS.has(code) && !speaksOfGone(error)) return error;
  return new HeraldError('DATABASE_UNAVAILABLE', 'The database does not answer. Repeat the call after a short wait.', {
    cause: error,
    retryAfterMs: 1_000,
  });
}

/** Whether the server gave no answer in time: whatever is sent to it now stands behind what it did not answer. */
export function isSilence(error: unknown): boolean {
  return isNativeError(error) && error.message === 'Query read timeout';
}

const UNIQUE_VIOLATION = '23505';

/** The name of the unique constraint that a write met; undefined where it failed for another reason. */
export function violatedConstraint(error: unknown): string | undefined {
  if (codeOf(error) !== UNIQUE_VIOLATION || !isNativeError(error) || !('constraint' in error)) return undefined;
  return String(error.constraint);
}

function speaksOfGone(error: unknown): boolean {
  return isNativeError(error) && (GONE_WORDS.test(error.message) || GONE_NAMES.has(error.name));
}

/** Every connection, or a row that is needed, is taken by others. */
export function busy(cause?: unknown): HeraldError {
  return new HeraldError('DATABASE_BUSY', 'The database is busy. Repeat the call after a short wait.', {
    cause,
    retryAfterMs: 200,
  });
}

function codeOf(error: unknown): string {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
