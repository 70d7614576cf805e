import type {
  CallOptions,
  Client,
  ClientDuplexStream,
  ClientReadableStream,
  Metadata,
  MethodDefinition,
} from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { decodeStatus } from './rich-status';
import { withClientSpan } from './tracing';

/** A stream to be opened: by which channel, what is called, and with what. */
export interface StreamCallSettings {
  channel: Client;
  definition: MethodDefinition<unknown, unknown>;
  /** Made when the stream is opened, so that its token is fresh. */
  metadata(): Promise<Metadata>;
  deadlineMs: number | undefined;
  signal: AbortSignal | undefined;
}

type ReadableCall = ClientReadableStream<unknown>;
type DuplexCall = ClientDuplexStream<unknown, unknown>;

/**
 * Calls a method that answers by a stream. The call is made when its first answer is asked for; whoever stops asking
 * gives it up. It is never repeated by itself, and has no deadline unless one is given.
 */
export async function* readStream(settings: StreamCallSettings, request: unknown): AsyncGenerator {
  const { path, requestSerialize, responseDeserialize } = settings.definition;
  yield* calling(settings, (metadata, options) =>
    settings.channel.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, options),
  );
}

/**
 * The same for a method that streams both ways. The next request is taken from its source when the last one has left; the
 * source is let go when the server ends the call, and what it throws ends the call and is thrown to the reader.
 */
export async function* exchangeStreams(settings: StreamCallSettings, requests: AsyncIterable<unknown>): AsyncGenerator {
  const { path, requestSerialize, responseDeserialize } = settings.definition;
  const failure: { cause?: unknown } = {};
  try {
    yield* calling(settings, (metadata, options) => {
      const call = settings.channel.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        options,
      );
      writeAll(call, requests).catch((cause: unknown) => {
        failure.cause = cause;
        call.cancel();
      });
      return call;
    });
  } catch (error) {
    throw failure.cause ?? error;
  }
}

async function* calling(
  { definition: { path }, metadata: prepare, deadlineMs, signal }: StreamCallSettings,
  open: (metadata: Metadata, options: Partial<CallOptions>) => ReadableCall,
): AsyncGenerator {
  if (signal?.aborted === true) throw cancelled(signal);
  const deadline = deadlineMs === undefined ? undefined : Date.now() + deadlineMs;
  const { call, over } = await inSpan(path, await prepare(), (metadata) =>
    open(metadata, deadline === undefined ? {} : { deadline }),
  );
  const onAbort = () => call.cancel();
  signal?.addEventListener('abort', onAbort, { once: true });
  // It may have fired while the token was made.
  if (signal && isAborted(signal)) onAbort();
  // A status that comes when nobody reads any more.
  call.on('error', () => undefined);
  try {
    for await (const answer of call) yield answer as unknown;
    over();
  } catch (error) {
    const shown = signal && isAborted(signal) ? cancelled(signal) : decodeStatus(error as never, path.slice(1));
    over(shown);
    throw shown;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    over();
    call.cancel();
  }
}

/** Opens the call inside a span that lasts until it is over. */
async function inSpan(
  path: string,
  metadata: Metadata,
  open: (metadata: Metadata) => ReadableCall,
): Promise<{ call: ReadableCall; over: (error?: HeraldError) => void }> {
  const opened = Promise.withResolvers<ReadableCall>();
  const lasting = Promise.withResolvers<void>();
  const span = withClientSpan(path, metadata, async () => {
    opened.resolve(open(metadata));
    await lasting.promise;
  });
  // The reader is told of the error by the stream itself; an `open` that threw has told nobody yet.
  span.catch(opened.reject);
  return {
    call: await opened.promise,
    over: (error) => (error === undefined ? lasting.resolve() : lasting.reject(error)),
  };
}

async function writeAll(call: DuplexCall, requests: AsyncIterable<unknown>): Promise<void> {
  let isOver = false;
  let sent = () => {};
  call.once('status', () => {
    isOver = true;
    sent();
  });
  for await (const request of requests) {
    // A write after the end of the call would never be told to have left.
    if (isOver) return;
    await new Promise<void>((resolve) => {
      sent = resolve;
      call.write(request, () => resolve());
    });
  }
  call.end();
}

/** It may be by now; what was asked before is no proof. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** An abort with a HeraldError as its reason (a deadline that passed) keeps that reason. */
export function cancelled(signal: AbortSignal): HeraldError {
  const cause: unknown = signal.reason;
  return cause instanceof HeraldError ? cause : new HeraldError('CANCELLED', 'The caller gave the call up.', { cause });
}
