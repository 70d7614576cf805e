import { randomUUID } from 'node:crypto';
import { GRPC_CODE, HeraldError } from '@herald/errors';
import { encodeStatus } from './rich-status';
import type { WireStatus } from './rich-status';

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

/**
 * What a failed call is answered: the error as its caller may see it, and its form for the wire. Anything not meant for
 * callers becomes INTERNAL with an id, and is reported; so does an error that cannot be written, whose call would hang.
 */
export function refusal(error: unknown, method: string, onError: OnError): { shown: HeraldError; status: WireStatus } {
  const shown = error instanceof HeraldError && !isInternal(error) ? error : internal(error, method, onError);
  try {
    return { shown, status: encodeStatus(shown) };
  } catch (cause) {
    const instead = internal(cause, method, onError);
    return { shown: instead, status: encodeStatus(instead) };
  }
}

function internal(error: unknown, method: string, onError: OnError): HeraldError {
  const errorId = randomUUID();
  onError({ error, errorId, method });
  return new HeraldError('INTERNAL', `Herald failed. Quote the error id ${errorId} to whoever runs it.`, {
    metadata: { errorId },
  });
}

function isInternal(error: HeraldError): boolean {
  return error.reason === 'INTERNAL' || (error.detail.remote !== undefined && NOT_FOR_CALLERS.has(error.code));
}
