import { randomUUID } from 'node:crypto';
import { GRPC_CODE, HeraldError } from '@herald/errors';

/** Told of every failure that leaves as INTERNAL: once, with the id the caller got, for the log. */
export type OnError = (failure: { error: unknown; errorId: string; method: string }) => void;

/**
 * Codes of another service that say something about us and nothing about our caller: that service refused our own
 * token, lacks a method we call, or failed. To our caller each is a failure of ours.
 */
const NOT_FOR_CALLERS = new Set<number>([
  GRPC_CODE.UNKNOWN,
  GRPC_CODE.PERMISSION_DENIED,
  GRPC_CODE.UNIMPLEMENTED,
  GRPC_CODE.INTERNAL,
  GRPC_CODE.DATA_LOSS,
  GRPC_CODE.UNAUTHENTICATED,
]);

/** The error as its caller may see it. Anything not meant for callers becomes INTERNAL with an id, and is reported. */
export function edgeError(error: unknown, method: string, onError: OnError): HeraldError {
  if (error instanceof HeraldError && !isInternal(error)) return error;
  const errorId = randomUUID();
  onError({ error, errorId, method });
  return new HeraldError('INTERNAL', `Herald failed. Quote the error id ${errorId} to whoever runs it.`, {
    metadata: { errorId },
  });
}

function isInternal(error: HeraldError): boolean {
  return error.reason === 'INTERNAL' || (error.detail.remote !== undefined && NOT_FOR_CALLERS.has(error.code));
}
