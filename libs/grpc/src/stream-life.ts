import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import {
  exceeded,
  givenUp,
  timeLeft,
  tooShort,
  DEADLINE_MS_MAX,
  DEADLINE_MS_MIN,
  DEADLINE_SHAVED_MS,
} from './deadline';
import { http2StreamOf } from './http2-stream';

/** So long a stream may stand still: a message that is waited for does not come, or an answer is not taken. */
const STREAM_IDLE_MS_MAX = 60_000;
/** How often it is looked whether a connection is to end, which grpc-js tells nobody. */
const CONNECTION_LOOK_MS = 1_000;

/** A call of which the answers are a stream. */
export type StreamCall = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** Until when a stream lives. */
export interface StreamLife {
  /** Fires when the handler is to come to an end. An answer that it is making still goes out. */
  readonly draining: AbortSignal;
  /** Fires when the stream is over, whatever its handler does. */
  readonly over: AbortSignal;
  drain(error: HeraldError): void;
  end(error: HeraldError): void;
  /** Stops looking. */
  close(): void;
}

/**
 * Watches over a stream: it is over when its caller gives up or its deadline passes, and drained when its connection has
 * lived its time. No other age is set: a connection ends within six minutes, and a caller's deadline beyond that is none.
 */
export function streamLife(call: StreamCall): StreamLife {
  const leftMs = timeLeft(call);
  if (leftMs < DEADLINE_MS_MIN) throw tooShort();
  if (call.cancelled) throw givenUp();
  const [draining, over] = [new AbortController(), new AbortController()];
  const drain = (error: HeraldError) => draining.abort(error);
  const end = (error: HeraldError) => [draining, over].forEach((each) => each.abort(error));
  const onCancelled = () => end(givenUp());
  call.once('cancelled', onCancelled);
  const deadline =
    leftMs < DEADLINE_MS_MAX ? setTimeout(() => end(exceeded()), leftMs - DEADLINE_SHAVED_MS) : undefined;
  const look = setInterval(() => {
    // It is closed from the moment its peer was told to go, while its streams go on.
    if (http2StreamOf(call)?.session?.closed === true) drain(expired());
  }, CONNECTION_LOOK_MS).unref();
  const close = () => {
    clearTimeout(deadline);
    clearInterval(look);
    call.off('cancelled', onCancelled);
  };
  return { draining: draining.signal, over: over.signal, drain, end, close };
}

/** Waits for what `begin` sets going; no longer than until the signal fires, nor than a stream may stand still. */
export function moved<T>(signal: AbortSignal, begin: (done: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason as HeraldError));
    const timer = setTimeout(() => settle(() => reject(idle())), STREAM_IDLE_MS_MAX);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    begin((value) => settle(() => resolve(value)));
  });
}

function expired(): HeraldError {
  return new HeraldError('STREAM_EXPIRED', 'The connection has lived its time. Open the stream again; it goes on.');
}

function idle(): HeraldError {
  const text = `Nothing came, or nothing was taken, for ${STREAM_IDLE_MS_MAX / 1000} s. Open the stream again and keep it moving.`;
  return new HeraldError('STREAM_IDLE', text, { metadata: { idleMsMax: String(STREAM_IDLE_MS_MAX) } });
}
