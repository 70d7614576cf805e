import assert from 'node:assert';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServerErrorResponse,
} from '@grpc/grpc-js';
import type { Caller } from './identity';

/** What a handler of a stream knows of its call. `org` throws UNAUTHENTICATED where a service's token names none. */
export interface StreamContext {
  readonly caller: Caller;
  readonly org: string;
  /** Fires when the caller gives up, its deadline passes, the stream has lived its time, or the server stops. */
  readonly signal: AbortSignal;
  /** The RPC, as in `herald.template.v1.TemplateService/GetTemplate`. */
  readonly method: string;
}

/** What the handler of a unary RPC knows of its call. */
export interface CallContext extends StreamContext {
  readonly deadline: Date;
}

/** What a service does for one unary RPC. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;

/** What a service does for one RPC that answers as often as it likes; it is asked for the next when the last has left. */
export type ServerStreamingHandler<Req, Res> = (request: Req, context: StreamContext) => AsyncIterable<Res>;

/** The same where the caller sends as often as it likes too; a message is read when the handler asks for it. */
export type BidiStreamingHandler<Req, Res> = (
  requests: AsyncIterable<Req>,
  context: StreamContext,
) => AsyncIterable<Res>;

/** How the server finds what a method of an implementation was made from. */
const SERVED = Symbol('served');

/** A method made by one of the functions below, the only ones the server takes. */
export type Served =
  | { kind: 'unary'; handler: UnaryHandler<unknown, unknown> }
  | { kind: 'serverStreaming'; handler: ServerStreamingHandler<unknown, unknown> }
  | { kind: 'bidiStreaming'; handler: BidiStreamingHandler<unknown, unknown> }
  | { kind: 'unimplemented' };

/**
 * Makes a method of a generated server interface from a handler that takes the request and returns the response.
 * The server adds the rest: caller, deadline, cancellation, trace, and errors in their form for the wire.
 */
export function unary<Req, Res>(handler: UnaryHandler<Req, Res>): handleUnaryCall<Req, Res> {
  return servedBy({ kind: 'unary', handler: handler as UnaryHandler<unknown, unknown> });
}

/** The same for a method whose answers are a stream: an async generator yields them. */
export function serverStreaming<Req, Res>(
  handler: ServerStreamingHandler<Req, Res>,
): handleServerStreamingCall<Req, Res> {
  return servedBy({ kind: 'serverStreaming', handler: handler as ServerStreamingHandler<unknown, unknown> });
}

/** The same for a method that streams both ways. */
export function bidiStreaming<Req, Res>(handler: BidiStreamingHandler<Req, Res>): handleBidiStreamingCall<Req, Res> {
  return servedBy({ kind: 'bidiStreaming', handler: handler as BidiStreamingHandler<unknown, unknown> });
}

/** Stands in for a unary or streaming method that is not built: its callers, once authorised, get UNIMPLEMENTED. */
export function unimplemented(): (call: Failing, callback?: (error: ServerErrorResponse) => void) => void {
  return servedBy({ kind: 'unimplemented' });
}

/** What every kind of call has in common: it can be ended by an error event. */
export interface Failing {
  emit(event: 'error', error: Error): boolean;
}

/** What the server made of one call; undefined for a function that none of the above made. */
export function servedOf(method: unknown): Served | undefined {
  return typeof method === 'function' ? (method as { [SERVED]?: Served })[SERVED] : undefined;
}

/** By which of the functions above a method can be served; nothing yet takes a stream and answers once. */
export function kindOf({
  requestStream,
  responseStream,
}: Pick<MethodDefinition<unknown, unknown>, 'requestStream' | 'responseStream'>): string {
  if (responseStream) return requestStream ? 'bidiStreaming' : 'serverStreaming';
  return requestStream ? 'clientStreaming' : 'unary';
}

function servedBy(served: Served): () => never {
  return Object.assign(() => assert.fail(`${served.kind}() methods are served by grpcServer() alone`), {
    [SERVED]: served,
  });
}
