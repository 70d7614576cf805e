import { HeraldError } from '@herald/errors';
import { BrokerConnectionError } from '@herald/bus';
import { EnvironmentError } from '@herald/service';
import { AdviceError } from '../advice-error';

/**
 * Says on standard error what went wrong and what to do, and ends the command as failed. With `json` it is one line
 * that a program reads; standard output stays empty either way.
 */
export function fail(error: unknown, json = false): void {
  process.exitCode = 1;
  process.stderr.write(`${json ? JSON.stringify({ error: fieldsOf(error) }) : textOf(error)}\n`);
}

/** What a program may branch on. Only Herald's own refusals have a reason. */
function fieldsOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof HeraldError)) return { message: error instanceof Error ? error.message : String(error) };
  const { metadata, violations, preconditions, quota, retryAfterMs } = error.detail;
  const { reason, message, retryable } = error;
  return { reason, message, retryable, metadata, violations, preconditions, quota, retryAfterMs };
}

/** What says by itself what to do: where it was thrown is of no use to whoever reads it. */
function isAdvice(error: unknown): error is Error {
  return [AdviceError, EnvironmentError, BrokerConnectionError].some((kind) => error instanceof kind);
}

function textOf(error: unknown): string {
  if (isAdvice(error)) return error.message;
  const taken = /EADDRINUSE: address already in use ([\w.:]+)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (taken !== undefined)
    return `${taken} is taken by another program. Choose another --port-base, or 0 for free ports.`;
  if (!(error instanceof HeraldError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { violations = [], preconditions = [], retryAfterMs } = error.detail;
  return [
    `${error.reason}: ${error.message}`,
    ...violations.map(
      ({ field, description, reason }) => `  ${field}: ${description}${reason === undefined ? '' : ` (${reason})`}`,
    ),
    ...preconditions.map(({ subject, description }) => `  ${subject}: ${description}`),
    ...(retryAfterMs === undefined ? [] : [`  Repeat it in ${Math.ceil(retryAfterMs / 1000)} s.`]),
  ].join('\n');
}
