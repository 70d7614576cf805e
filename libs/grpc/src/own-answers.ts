import { ServerInterceptingCall, ServerListenerBuilder } from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import { GRPC_CODE, HeraldError, REASONS } from '@herald/errors';
import { encodeStatus, reasonOfCode, STATUS_DETAILS_KEY } from './rich-status';
import { unpackOnDemand } from './unpack-on-demand';

/** How long a call may take to send its one message. A caller that sends none would hold its call open for ever. */
const REQUEST_MS_MAX = 30_000;
/** A reset that follows the end of a stream is written in the next turn of its client, and seldom arrives much later. */
const END_BELIEVED_AFTER_MS = 100;
/** Further off than any deadline counts here, and than a timer of Node can be set. */
const FAR_OFF_MS = 2 ** 31;

/**
 * Mends what grpc-js does to a call by itself, before any handler. It must stand innermost, around the call itself: it
 * gives its answers reasons, takes deadlines of more than 24 days for what they are, and waits for requests in bounds.
 */
export const ownAnswers: ServerInterceptor = ({ path, requestStream }, call) => {
  const isWrapped = unwrapDeadline(call);
  explainStatuses(path, call, isWrapped);
  if (requestStream) {
    unpackOnDemand(call);
    return withTrueEnd(call);
  }
  const late = setTimeout(() => call.sendStatus(encodeStatus(incomplete())), REQUEST_MS_MAX).unref();
  const listener = new ServerListenerBuilder()
    .withOnReceiveHalfClose((next) => {
      clearTimeout(late);
      next();
    })
    .withOnCancel(() => clearTimeout(late));
  return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
};

/**
 * A client of Node ends its stream before it resets it, and grpc-js takes that end for the caller's own: half a list would
 * count as a whole one. So an end is told when no reset has followed it for a while; a reset cancels the call before.
 */
function withTrueEnd(call: ServerInterceptingCallInterface): ServerInterceptingCall {
  const listener = new ServerListenerBuilder().withOnReceiveHalfClose((next) => {
    setTimeout(next, END_BELIEVED_AFTER_MS);
  });
  return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
}

/**
 * grpc-js counts a deadline in 32 bits: one of 30 days, as other stacks send it, ends in the past, and its call at
 * once. No deadline is set in the past, so such a one is far off.
 */
function unwrapDeadline(call: ServerInterceptingCallInterface): boolean {
  const now = Date.now();
  if (Number(call.getDeadline()) >= now - 1_000) return false;
  call.getDeadline = () => now + FAR_OFF_MS;
  return true;
}

/** The words of grpc-js are taken away too: they may tell of the inside. Health and reflection answer by their own standards. */
function explainStatuses(path: string, call: ServerInterceptingCallInterface, isWrapped: boolean): void {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (status) => {
    const code = Number(status.code);
    const isOurs = code === GRPC_CODE.OK || (status.metadata?.get(STATUS_DETAILS_KEY).length ?? 0) > 0;
    if (isWrapped && !isOurs && code === GRPC_CODE.DEADLINE_EXCEEDED) return;
    send(isOurs || path.startsWith('/grpc.') ? status : encodeStatus(explained(code)));
  };
}

/** What a status of grpc-js itself means: it judges the form of a request alone. */
function explained(code: number): HeraldError {
  const reason = reasonOfCode(code);
  if (reason === 'INTERNAL') {
    const text = 'The request cannot be read: its bytes do not unpack, or its deadline is no number. Check the client.';
    return new HeraldError('REQUEST_MALFORMED', text);
  }
  if (reason === 'UNIMPLEMENTED') {
    return new HeraldError(reason, 'The method takes one message, plain or packed by gzip or deflate. Send it so.');
  }
  const known = reason === 'UNRECOGNISED_REASON' ? 'INTERNAL' : reason;
  return new HeraldError(known, REASONS[known].text);
}

function incomplete(): HeraldError {
  const text = `The request was not complete after ${REQUEST_MS_MAX / 1000} s, and nothing was done. Repeat the call.`;
  return new HeraldError('DEADLINE_EXCEEDED', text);
}
