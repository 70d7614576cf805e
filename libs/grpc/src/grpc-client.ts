import { Client, Metadata } from '@grpc/grpc-js';
import type {
  CallOptions,
  ChannelCredentials,
  ChannelOptions,
  ClientDuplexStream,
  ClientReadableStream,
  ClientUnaryCall,
  MethodDefinition,
  ServiceDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import { cancelled, exchangeStreams, readStream, type StreamCallSettings } from './client-streams';
import type { ServiceName } from './identity';
import { clientLimits } from './limits';
import { decodeStatus } from './rich-status';
import { clientCredentials } from './tls';
import type { TlsFiles } from './tls';
import { withClientSpan } from './tracing';

/** How long a unary call waits for its answer when its caller does not say. */
const CALL_DEADLINE_DEFAULT_MS = 10_000;

/** What one call may say besides its request. */
export interface CallSettings {
  /** The organisation a service works for; a user's token names its own. */
  org?: string;
  signal?: AbortSignal;
  deadlineMs?: number;
}

type UnaryShape<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;
type DuplexShape<Req, Res> = (...args: never[]) => ClientDuplexStream<Req, Res>;
type ReadableShape<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
) => ClientReadableStream<Res>;
type MethodNames<C> = Exclude<keyof C, keyof Client>;
/** Streams are told apart first: each is also a call, which is all that a unary method returns. */
type PromiseMethod<Method> =
  Method extends DuplexShape<infer Req, infer Res>
    ? (requests: AsyncIterable<Req>, settings?: CallSettings) => AsyncIterable<Res>
    : Method extends ReadableShape<infer Req, infer Res>
      ? (request: Req, settings?: CallSettings) => AsyncIterable<Res>
      : Method extends UnaryShape<infer Req, infer Res>
        ? (request: Req, settings?: CallSettings) => Promise<Res>
        : never;

/**
 * The methods of a generated client with HeraldErrors for their errors: unary ones return promises, those that stream
 * take and return async iterables. A stream begins when its first answer is asked for, is given up by whoever stops
 * asking, is never repeated by itself, and has no deadline unless its call sets one.
 */
export type PromiseClient<C> = { [K in MethodNames<C>]: PromiseMethod<C[K]> } & { close(): void };

/** The constructor of a generated client. */
export interface ClientConstructor<C> {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ChannelOptions>): C;
  service: ServiceDefinition;
}

/** Where a client calls and by what right. */
export interface ClientSettings {
  /** `host:port`, or a resolver's name as `dns:///name:port`. */
  url: string;
  /** Gives the token of a call: a user's own, or a service's for the organisation. */
  token: (org?: string) => Promise<string>;
  tls?: TlsFiles;
  /** Which service is called, where its contract does not tell: several serve their audit logs. */
  service?: ServiceName;
  deadlineMs?: number;
}

/** Calls the service of a generated client. Close it when done: its connection keeps the process alive. */
export function grpcClient<C extends Client>(
  constructor: ClientConstructor<C>,
  settings: ClientSettings,
): PromiseClient<C> {
  const definitions = Object.entries(constructor.service) as [string, MethodDefinition<unknown, unknown>][];
  const path = definitions[0]?.[1].path;
  const { url, tls, service } = settings;
  // Node wants no IP address for the name that TLS begins with; in a trust domain it is looked at by nobody.
  const named = tls?.trustDomain === undefined ? {} : { 'grpc.ssl_target_name_override': tls.trustDomain };
  const streams = definitions.filter(([, { responseStream }]) => responseStream).map(([, method]) => nameOf(method));
  const channel = new Client(url, clientCredentials(tls, { path, service }), { ...clientLimits(streams), ...named });
  const methods: Record<string, unknown> = { close: () => channel.close() };
  for (const [name, definition] of definitions) methods[name] = methodFor(channel, definition, settings);
  return methods as PromiseClient<C>;
}

function nameOf({ path }: MethodDefinition<unknown, unknown>): { service: string; method: string } {
  const [, service = '', method = ''] = path.split('/');
  return { service, method };
}

function methodFor(channel: Client, definition: MethodDefinition<unknown, unknown>, settings: ClientSettings) {
  if (!definition.responseStream) return unaryMethodFor(channel, definition, settings);
  const opening = (call: CallSettings): StreamCallSettings => ({
    ...{ channel, definition, signal: call.signal, deadlineMs: call.deadlineMs },
    metadata: () => metadataFor(call, settings),
  });
  if (!definition.requestStream) {
    return (request: unknown, call: CallSettings = {}) => readStream(opening(call), request);
  }
  return (requests: AsyncIterable<unknown>, call: CallSettings = {}) => exchangeStreams(opening(call), requests);
}

function unaryMethodFor(channel: Client, definition: MethodDefinition<unknown, unknown>, settings: ClientSettings) {
  return async (request: unknown, call: CallSettings = {}) => {
    // The time it takes to get a token is part of the call's.
    const deadline = Date.now() + (call.deadlineMs ?? settings.deadlineMs ?? CALL_DEADLINE_DEFAULT_MS);
    const metadata = await metadataFor(call, settings);
    return withClientSpan(definition.path, metadata, () =>
      unaryCall(channel, definition, request, { metadata, deadline, signal: call.signal }),
    );
  };
}

async function metadataFor({ org }: CallSettings, { token }: ClientSettings): Promise<Metadata> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await token(org)}`);
  return metadata;
}

function unaryCall(
  channel: Client,
  definition: MethodDefinition<unknown, unknown>,
  request: unknown,
  { metadata, deadline, signal }: { metadata: Metadata; deadline: number; signal: AbortSignal | undefined },
): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = definition;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(cancelled(signal));
    const call = channel.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', onAbort);
        if (error === null) resolve(response);
        else reject(signal?.aborted === true ? cancelled(signal) : decodeStatus(error, path.slice(1)));
      },
    );
    const onAbort = () => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
