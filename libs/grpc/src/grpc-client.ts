import { Client, Metadata } from '@grpc/grpc-js';
import type {
  CallOptions,
  ChannelCredentials,
  ChannelOptions,
  ClientUnaryCall,
  MethodDefinition,
  ServiceDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import type { ServiceName } from './identity';
import { clientLimits } from './limits';
import { decodeStatus } from './rich-status';
import { clientCredentials } from './tls';
import type { TlsFiles } from './tls';
import { withClientSpan } from './tracing';

/** How long a call waits for its answer when its caller does not say. */
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
type StreamShape = (...args: never[]) => NodeJS.ReadableStream | NodeJS.WritableStream;
/** Streams are told apart first: each is also a call, which is all that a unary method returns. */
type UnaryNames<C> = { [K in keyof C]: C[K] extends StreamShape ? never : K }[Exclude<keyof C, keyof Client>];
type PromiseMethod<Method> =
  Method extends UnaryShape<infer Req, infer Res> ? (request: Req, settings?: CallSettings) => Promise<Res> : never;

/** The unary methods of a generated client, returning promises, with HeraldErrors for their errors. */
export type PromiseClient<C> = { [K in UnaryNames<C>]: PromiseMethod<C[K]> } & { close(): void };

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
  const channel = new Client(url, clientCredentials(tls, { path, service }), { ...clientLimits(), ...named });
  const methods: Record<string, unknown> = { close: () => channel.close() };
  for (const [name, definition] of definitions) {
    if (!definition.requestStream && !definition.responseStream)
      methods[name] = methodFor(channel, definition, settings);
  }
  return methods as PromiseClient<C>;
}

function methodFor(channel: Client, definition: MethodDefinition<unknown, unknown>, settings: ClientSettings) {
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

/** An abort with a HeraldError as its reason (a deadline that passed) keeps that reason. */
function cancelled(signal: AbortSignal): HeraldError {
  const cause: unknown = signal.reason;
  return cause instanceof HeraldError ? cause : new HeraldError('CANCELLED', 'The caller gave the call up.', { cause });
}
