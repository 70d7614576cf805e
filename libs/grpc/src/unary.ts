import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { HeraldError } from '@herald/errors';
import { organisationOf } from './access';
import type { CallsUnderWay } from './calls-under-way';
import {
  exceeded,
  givenUp,
  timeLeft,
  tooShort,
  DEADLINE_MS_MAX,
  DEADLINE_MS_MIN,
  DEADLINE_SHAVED_MS,
} from './deadline';
import type { Caller } from './identity';
import type { UnaryHandler } from './served';

/** The deadline of a call whose caller set none. */
const DEADLINE_DEFAULT_MS = 30_000;

/** Runs a handler against its deadline and its caller's patience: the answer comes at once even if the handler hangs. */
export async function runUnary(
  handler: UnaryHandler<unknown, unknown>,
  call: ServerUnaryCall<unknown, unknown>,
  { caller, method, underWay }: { caller: Caller; method: string; underWay: CallsUnderWay },
): Promise<unknown> {
  const leftMs = waitOf(call);
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
  const context = {
    ...{ caller, method, deadline, signal: abort.signal },
    get org() {
      return organisationOf(caller);
    },
  };
  try {
    const handling = handler(call.request, context);
    underWay.add(handling, { end });
    return await Promise.race([ended.promise, handling]);
  } finally {
    clearTimeout(timer);
    call.off('cancelled', onCancelled);
  }
}

function waitOf(call: ServerUnaryCall<unknown, unknown>): number {
  const leftMs = timeLeft(call);
  return leftMs === Infinity ? DEADLINE_DEFAULT_MS : Math.min(leftMs, DEADLINE_MS_MAX);
}
