import assert from 'node:assert';
import type { handleUnaryCall, ServerErrorResponse, ServerUnaryCall } from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { unauthenticated } from './token-verifier';
import type { Caller } from './identity';
import type { CallsUnderWay } from './calls-under-way';

/** Taken off the caller's deadline, so that our own answer arrives before the caller stops waiting for it. */
const DEADLINE_SHAVED_MS = 20;
/** With less time than this a call is refused before it starts: it would fail half done. */
export const DEADLINE_MS_MIN = 100;
/** The deadline of a call whose caller set none. */
const DEADLINE_DEFAULT_MS = 30_000;
/** A caller's deadline further off counts as this one: nothing a unary call does takes longer. */
const DEADLINE_MS_MAX = 10 * 60_000;

/** What a handler knows of its call. `org` throws UNAUTHENTICATED where a service's token names none. */
export interface CallContext {
  readonly caller: Caller;
  readonly org: string;
  /** Fires when the caller gives up, the deadline passes, or the server is forced to stop. */
  readonly signal: AbortSignal;
  readonly deadline: Date;
  /** The RPC, as in `herald.template.v1.TemplateService/GetTemplate`. */
  readonly method: string;
}

/** What a service does for one unary RPC. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;

/** How the server finds what a method of an implementation was made from. */
const SERVED = Symbol('served');

/** A method made by unary() or unimplemented(), the only kinds the server takes. */
export type Served = { kind: 'unary'; handler: UnaryHandler<unknown, unknown> } | { kind: 'unimplemented' };

/**
 * Makes a method of a generated server interface from a handler that takes the request and returns the response.
 * The server adds the rest: caller, deadline, cancellation, trace, and errors in their form for the wire.
 */
export function unary<Req, Res>(handler: UnaryHandler<Req, Res>): handleUnaryCall<Req, Res> {
  const served: Served = { kind: 'unary', handler: handler as UnaryHandler<unknown, unknown> };
  const method: handleUnaryCall<Req, Res> = () => assert.fail('unary() methods are served by grpcServer() alone');
  return Object.assign(method, { [SERVED]: served });
}

/** Stands in for a unary or streaming method that is not built: its callers, once authorised, get UNIMPLEMENTED. */
export function unimplemented(): (call: Failing, callback?: (error: ServerErrorResponse) => void) => void {
  const served: Served = { kind: 'unimplemented' };
  return Object.assign(() => assert.fail('unimplemented() methods are served by grpcServer() alone'), {
    [SERVED]: served,
  });
}

/** What every kind of call has in common: it can be ended by an error event. */
export interface Failing {
  emit(event: 'error', error: Error): boolean;
}

/** What the server made of one call; undefined for a function that neither unary() nor unimplemented() made. */
export function servedOf(method: unknown): Served | undefined {
  return typeof method === 'function' ? (method as { [SERVED]?: Served })[SERVED] : undefined;
}

/** Runs a handler against its deadline and its caller's patience: the answer comes at once even if the handler hangs. */
export async function runUnary(
  handler: UnaryHandler<unknown, unknown>,
  call: ServerUnaryCall<unknown, unknown>,
  { caller, method, underWay }: { caller: Caller; method: string; underWay: CallsUnderWay },
): Promise<unknown> {
  const leftMs = timeLeft(call);
  if (leftMs < DEADLINE_MS_MIN) throw tooShort();
  if (call.cancelled) throw givenUp();
  const budgetMs = leftMs - DEADLINE_SHAVED_MS;
  const abort = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (error: HeraldError) => {
    abort.abort(error);
    ended.reject(error);
  };
  const timer = setTimeout(() => end(exceeded()), budgetMs);
  const onCancelled = () => end(givenUp());
  call.once('cancelled', onCancelled);
  const deadline = new Date(Date.now() + budgetMs);
  try {
    const handling = handler(call.request, contextOf({ caller, method, deadline }, abort.signal));
    underWay.add(handling, end);
    return await Promise.race([ended.promise, handling]);
  } finally {
    clearTimeout(timer);
    call.off('cancelled', onCancelled);
  }
}

function timeLeft(call: ServerUnaryCall<unknown, unknown>): number {
  const deadline = call.getDeadline();
  const leftMs = (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
  return leftMs === Infinity ? DEADLINE_DEFAULT_MS : Math.min(leftMs, DEADLINE_MS_MAX);
}

function contextOf(known: { caller: Caller; method: string; deadline: Date }, signal: AbortSignal): CallContext {
  return {
    ...known,
    signal,
    get org() {
      if (known.caller.org === undefined) throw unauthenticated('ORGANISATION_MISSING');
      return known.caller.org;
    },
  };
}

function tooShort(): HeraldError {
  return new HeraldError('DEADLINE_TOO_SHORT', `Less than ${DEADLINE_MS_MIN} ms were left. Allow the call more time.`, {
    metadata: { deadlineMsMin: String(DEADLINE_MS_MIN) },
  });
}

function givenUp(): HeraldError {
  return new HeraldError('CANCELLED', 'The caller gave the call up.');
}

function exceeded(): HeraldError {
  return new HeraldError('DEADLINE_EXCEEDED', 'The answer was not ready in time. Repeat with a later deadline.');
}
