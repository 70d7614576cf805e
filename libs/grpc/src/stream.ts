import type { ServerDuplexStream } from '@grpc/grpc-js';
import { organisationOf } from './access';
import type { CallsUnderWay } from './calls-under-way';
import type { Caller } from './identity';
import { oneByOne } from './one-by-one';
import type { Served, StreamContext } from './served';
import { moved, streamLife, type StreamCall, type StreamLife } from './stream-life';

/** What serves a stream. */
export type ServedStream = Extract<Served, { kind: 'serverStreaming' | 'bidiStreaming' }>;

/** What a stream needs to run. */
interface Running {
  caller: Caller;
  method: string;
  underWay: CallsUnderWay;
  /** Throws unless the bytes of a message were one. */
  checked(message: unknown): unknown;
  serialise(answer: unknown): Buffer;
}

/**
 * Runs the handler of a stream until it has no more to say, and no longer than the stream lives. The handler is asked
 * for its next answer when the last one has left, so that a caller who reads slowly makes it wait.
 */
export async function runStream(served: ServedStream, call: StreamCall, running: Running): Promise<void> {
  const life = streamLife(call);
  try {
    const handling = pump(answersOf(served, call, { ...running, life }), call, { ...running, life });
    running.underWay.add(handling, life);
    await Promise.race([handling, ended(life.over)]);
  } finally {
    life.close();
  }
}

function answersOf(
  served: ServedStream,
  call: StreamCall,
  { caller, method, checked, life }: Running & { life: StreamLife },
): AsyncIterable<unknown> {
  const context: StreamContext = {
    ...{ caller, method, signal: life.draining },
    get org() {
      return organisationOf(caller);
    },
  };
  if (served.kind === 'bidiStreaming') {
    return served.handler(oneByOne(call as ServerDuplexStream<unknown, unknown>, life.draining, checked), context);
  }
  return served.handler(checked((call as { request?: unknown }).request), context);
}

async function pump(
  answers: AsyncIterable<unknown>,
  call: StreamCall,
  { life, serialise }: Running & { life: StreamLife },
): Promise<void> {
  try {
    for await (const answer of answers) {
      const bytes = serialise(answer);
      await moved<void>(life.over, (done) => call.write(bytes, () => done()));
      life.draining.throwIfAborted();
    }
    // It may have ended because it was told to: whoever took that for all there is would miss the rest.
    life.draining.throwIfAborted();
  } catch (error) {
    // Once a handler was told to end, how it fails says only that.
    throw life.draining.aborted ? life.draining.reason : error;
  }
}

function ended(over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const tell = () => reject(over.reason as Error);
    if (over.aborted) tell();
    else over.addEventListener('abort', tell, { once: true });
  });
}
