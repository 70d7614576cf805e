import assert from 'node:assert';
import { setTimeout as pause } from 'node:timers/promises';
import { addAdminServicesToServer, Server } from '@grpc/grpc-js';
import type {
  MethodDefinition,
  sendUnaryData,
  ServerCredentials,
  ServerUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { assertComplete } from './access';
import type { Access } from './access';
import { carefulCodec, serialised, wellFormed } from './careful-codec';
import { door } from './edge';
import type { Callers } from './edge';
import { refusal } from './edge-error';
import type { OnError } from './edge-error';
import { serveHealth } from './health';
import type { Health, HealthChecks } from './health';
import { serverLimits } from './limits';
import { ownAnswers } from './own-answers';
import { addReflection } from './reflection';
import { encodeStatus } from './rich-status';
import { serverCredentials } from './tls';
import type { TlsFiles } from './tls';
import type { TokenVerifier } from './token-verifier';
import { markFailed, withServerSpan } from './tracing';
import { kindOf, servedOf } from './served';
import type { Served } from './served';
import { runStream } from './stream';
import type { ServedStream } from './stream';
import type { StreamCall } from './stream-life';
import { runUnary } from './unary';
import { callsUnderWay } from './calls-under-way';
import type { CallsUnderWay } from './calls-under-way';

/** One service on a server: its generated definition, what it does, and who may call each of its RPCs. */
export interface ServedService {
  definition: ServiceDefinition;
  implementation: UntypedServiceImplementation;
  access: Readonly<Record<string, Access>>;
}

/** What a server is made of. */
export interface ServerSettings {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  services: readonly ServedService[];
  identity: TokenVerifier;
  health: HealthChecks;
  /** Whether the server tells anybody which services and messages it knows. */
  reflection: boolean;
  /**
   * Where a second server listens for whoever runs the process: channelz, and the same health, in plain text whatever
   * `tls` says, since a kubelet's probe speaks no TLS. It answers until the stop is over. Keep it away from callers.
   */
  internalAddress?: string;
  tls?: TlsFiles;
  /** Told once of each failure that left as INTERNAL. */
  onError?: OnError;
  /** Told once of renewed certificate files that cannot be used; the old ones go on. */
  onCertificateProblem?: (error: unknown) => void;
  /** Told when health changes, with the checks that fail. */
  onHealthChange?: (failing: readonly string[]) => void;
  healthPollMs?: number;
}

/** A server that listens. */
export interface RunningServer {
  readonly port: number;
  readonly internalPort: number | undefined;
  /**
   * Tells NOT_SERVING, takes no new call, waits for those under way up to the grace, and then cuts them off. It happens
   * once: whoever asks again waits for the same stop.
   */
  stop(graceMs?: number): Promise<void>;
}

/** How long calls may go on once a server stops, when nobody says otherwise. */
const STOP_GRACE_DEFAULT_MS = 10_000;
/** For the last answers to reach their callers, before connections that do not close by themselves are cut. */
const LAST_ANSWERS_MS_MAX = 1_000;
/** How long the stop waits for handlers that do not heed their signal; what they use is closed after it. */
const HANDLERS_END_MS_MAX = 5_000;

/** What every method of a server needs to run. */
interface Runtime {
  callers: Callers;
  onError: OnError;
  underWay: CallsUnderWay;
}

/**
 * Starts a server. It throws at once where an RPC has no row in its access table, or a method was made by none of the
 * wrappers of this library, or by that of another kind of call: a server that runs has checked every door.
 */
export async function grpcServer(settings: ServerSettings): Promise<RunningServer> {
  const underWay = callsUnderWay();
  const server = outwardServer(settings, underWay);
  const { internalAddress } = settings;
  const internal = internalAddress === undefined ? undefined : { server: internalServer(), address: internalAddress };
  const health = await serveHealth([server, ...(internal ? [internal.server] : [])], settings.services.map(nameOf), {
    checks: settings.health,
    onChange: settings.onHealthChange ?? (() => undefined),
    ...(settings.healthPollMs !== undefined && { pollEveryMs: settings.healthPollMs }),
  });
  const stop = async (graceMs: number) => {
    await stopServer(server, { health, underWay, graceMs });
    internal?.server.forceShutdown();
  };
  try {
    const port = await listen(server, settings.address, serverCredentials(settings.tls, settings.onCertificateProblem));
    const internalPort = internal && (await listen(internal.server, internal.address, serverCredentials()));
    let stopped: Promise<void> | undefined;
    return { port, internalPort, stop: (graceMs = STOP_GRACE_DEFAULT_MS) => (stopped ??= stop(graceMs)) };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

function outwardServer(
  { services, identity, reflection, tls, onError }: ServerSettings,
  underWay: CallsUnderWay,
): Server {
  const runtime: Runtime = { callers: new WeakMap(), onError: onError ?? (() => undefined), underWay };
  const accessByPath = new Map<string, Access>();
  const outward = door({ accessByPath, identity, trustDomain: tls?.trustDomain, ...runtime });
  // The first interceptor is the innermost: it wraps the call itself.
  const server = new Server({ ...serverLimits(), interceptors: [ownAnswers, outward] });
  for (const service of services) addService(server, service, { accessByPath, runtime });
  if (reflection) addReflection(server, services.map(nameOf));
  return server;
}

function addService(
  server: Server,
  { definition, implementation, access }: ServedService,
  { accessByPath, runtime }: { accessByPath: Map<string, Access>; runtime: Runtime },
): void {
  const name = nameOf({ definition });
  assertComplete(name, Object.keys(definition), access);
  const methods: Record<string, MethodDefinition<unknown, unknown>> = {};
  const handlers: UntypedServiceImplementation = {};
  for (const [rpc, method] of Object.entries(definition) as [string, MethodDefinition<unknown, unknown>][]) {
    const served = servedOf(implementation[rpc]);
    const row = access[rpc];
    assert(served !== undefined, `${name}: ${rpc} must be made by a wrapper of this library, or unimplemented()`);
    assert(row !== undefined);
    assert(
      [kindOf(method), 'unimplemented'].includes(served.kind),
      `${name}: ${rpc} is ${kindOf(method)}, and ${served.kind}() cannot serve it`,
    );
    accessByPath.set(method.path, row);
    methods[rpc] = carefulCodec(method);
    handlers[rpc] = methodOf(served, method, runtime);
  }
  server.addService(methods, handlers);
}

function methodOf(served: Served, method: MethodDefinition<unknown, unknown>, runtime: Runtime): UntypedHandler {
  switch (served.kind) {
    case 'unary':
      return unaryMethod(served, method, runtime);
    case 'serverStreaming':
    case 'bidiStreaming':
      return streamMethod(served, method, runtime);
    case 'unimplemented':
      return refusing(method);
  }
}

type UntypedHandler = UntypedServiceImplementation[string];

function unaryMethod(
  served: Extract<Served, { kind: 'unary' }>,
  definition: MethodDefinition<unknown, unknown>,
  { callers, onError, underWay }: Runtime,
): (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => void {
  const { path } = definition;
  const method = path.slice(1);
  const answer = async (call: ServerUnaryCall<unknown, unknown>): Promise<Buffer> => {
    const caller = callers.get(call.metadata);
    assert(caller !== undefined, 'a call came in by no door');
    wellFormed(call.request);
    const response = await runUnary(served.handler, call, { caller, method, underWay });
    return serialised(definition.responseSerialize(response));
  };
  return (call, callback) => {
    void withServerSpan(path, call.metadata, async () => {
      try {
        callback(null, await answer(call));
      } catch (error) {
        const { shown, status } = refusal(error, method, onError);
        markFailed(shown);
        callback(status);
      }
    });
  };
}

function streamMethod(
  served: ServedStream,
  definition: MethodDefinition<unknown, unknown>,
  { callers, onError, underWay }: Runtime,
): (call: StreamCall) => void {
  const { path } = definition;
  const method = path.slice(1);
  const serialise = (answer: unknown) => serialised(definition.responseSerialize(answer));
  return (call) => {
    void withServerSpan(path, call.metadata, async () => {
      try {
        const caller = callers.get(call.metadata);
        assert(caller !== undefined, 'a call came in by no door');
        await runStream(served, call, { caller, method, underWay, checked: wellFormed, serialise });
        call.end();
      } catch (error) {
        const { shown, status } = refusal(error, method, onError);
        markFailed(shown);
        call.emit('error', status as unknown as Error);
      }
    });
  };
}

function refusing(definition: MethodDefinition<unknown, unknown>) {
  const method = definition.path.slice(1);
  return (call: { emit(event: 'error', error: object): boolean }, callback?: (error: object) => void): void => {
    const error = new HeraldError('UNIMPLEMENTED', 'This server does not have the method. Use one it lists.', {
      metadata: { method },
    });
    if (definition.responseStream || callback === undefined) call.emit('error', encodeStatus(error));
    else callback(encodeStatus(error));
  };
}

async function listen(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function internalServer(): Server {
  const server = new Server(serverLimits());
  addAdminServicesToServer(server);
  return server;
}

/**
 * Tells NOT_SERVING, lets calls end, and has streams end, which would go on for minutes. What is under way after the
 * grace is answered SERVER_STOPPING, which its caller may repeat elsewhere, and cut. It resolves when no handler runs any
 * more, so that what they use can be closed.
 */
async function stopServer(
  server: Server,
  { health, underWay, graceMs }: { health: Health; underWay: CallsUnderWay; graceMs: number },
): Promise<void> {
  health.stop();
  // tryShutdown alone waits for ever for a peer that never closes or watches health, so calls are waited for apart.
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  underWay.drainAll(stopping());
  await underWay.ended(graceMs);
  underWay.endAll(stopping());
  const late = new AbortController();
  const cut = pause(LAST_ANSWERS_MS_MAX, undefined, { signal: late.signal }).catch(() => undefined);
  await Promise.race([closed, cut]);
  late.abort();
  server.forceShutdown();
  await underWay.ended(HANDLERS_END_MS_MAX);
}

function stopping(): HeraldError {
  return new HeraldError('SERVER_STOPPING', 'This server is stopping. Repeat the call; another one takes it.');
}

function nameOf({ definition }: Pick<ServedService, 'definition'>): string {
  const [first] = Object.values(definition);
  assert(first !== undefined, 'a service without methods cannot be served');
  return first.path.split('/')[1] ?? '';
}
