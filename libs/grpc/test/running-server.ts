import assert from 'node:assert';
import type { OutgoingHttpHeaders } from 'node:http2';
import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import type { ChannelOptions, ServiceError, StatusObject, UntypedServiceImplementation } from '@grpc/grpc-js';
import { ConversationServiceClient, ConversationServiceService } from '@herald/contracts/conversation';
import { TemplateServiceClient, TemplateServiceService } from '@herald/contracts/template';
import type { GetTemplateRequest, GetTemplateResponse } from '@herald/contracts/template';
import { HeraldError } from '@herald/errors';
import { testIdentity } from '@herald/testing';
import { decodeStatus, grpcClient, grpcServer, tokenVerifier, unary, unimplemented } from '../src';
import type { Access, CallContext, PromiseClient, RunningServer } from '../src';
import type { OnError } from '../src/edge-error';
import type { ServerSettings } from '../src/grpc-server';
import type { UnaryHandler } from '../src/served';
import { http2Call, type Http2Call } from './http2-call';

/** What is asked of GetTemplate where it does not matter. */
export const REQUEST: GetTemplateRequest = { templateId: 'one' };

/** What answers GetTemplate. */
export type TemplateHandler = UnaryHandler<GetTemplateRequest, GetTemplateResponse>;

/** The path of the one RPC that these servers answer. */
export const GET_TEMPLATE = TemplateServiceService.getTemplate.path;

/** What a call of bytes ended with: the error as a client reads it, the status as it came, and the answers. */
export interface Ended {
  error: HeraldError | undefined;
  status: StatusObject;
  answers: Buffer[];
}

/** Metadata entries and bytes of a raw call; the token of the server's user goes along. */
export interface RawCall {
  headers?: Record<string, string>;
  bytes?: Buffer;
  options?: ChannelOptions;
}

/** A server on a free port, what it was told of failures, and ways to call it. */
export interface TestServer {
  server: RunningServer;
  url: string;
  /** A user's, which may read. */
  token: string;
  failures: Parameters<OnError>[0][];
  client: PromiseClient<TemplateServiceClient>;
  conversation: PromiseClient<ConversationServiceClient>;
  /** From now on GetTemplate answers so. */
  answer(handler: TemplateHandler): void;
  /** A client of its own, so that what another one saw of failures does not count. */
  newClient(): PromiseClient<TemplateServiceClient>;
  newConversationClient(): PromiseClient<ConversationServiceClient>;
  /** Sends bytes as they are: no deadline, no repeats, no check of what they mean. */
  raw(path: string, call?: RawCall): Promise<Ended>;
  /** Opens a call over bare HTTP/2. */
  open(path: string, headers?: OutgoingHttpHeaders): Http2Call;
  stop(): Promise<void>;
}

type ServedService = ServerSettings['services'][number];
const READERS: Access = { scopes: ['read'] };

/** GetTemplate may be read by users; the rest of the template service and all conversations are not built. */
export function servedServices(handler: TemplateHandler): ServerSettings['services'] {
  return [servedTemplates(handler, READERS), served(ConversationServiceService, {}, READERS)];
}

/** The same, with these two streams. */
export function servedStreams(built: UntypedServiceImplementation): ServerSettings['services'] {
  const [templates] = servedServices(async () => ({ template: undefined }));
  return [...(templates ? [templates] : []), served(ConversationServiceService, built, READERS)];
}

/** The template service alone, for whom a test says. */
export function servedTemplates(handler: TemplateHandler, callers: Access): ServedService {
  return served(TemplateServiceService, { getTemplate: unary(handler) }, callers);
}

function served(definition: ServedService['definition'], built: UntypedServiceImplementation, callers: Access) {
  const each = <T>(value: T) => Object.fromEntries(Object.keys(definition).map((rpc) => [rpc, value]));
  const access: Record<string, Access> = each(callers);
  return { definition, access, implementation: { ...each(unimplemented()), ...built } };
}

/** Starts a real server with real tokens, and clients that call it over a loopback socket. */
export async function runningServer(changes: Partial<ServerSettings> = {}): Promise<TestServer> {
  const identity = await testIdentity();
  const userToken = await identity.userToken({ org: 'acme', scopes: ['read'] });
  const failures: TestServer['failures'] = [];
  let current: TemplateHandler = async () => ({ template: undefined });
  const server = await grpcServer({
    ...{
      address: '127.0.0.1:0',
      reflection: false,
      health: { calls: {} },
      identity: tokenVerifier(identity.identityOf('template')),
    },
    services: servedServices((request, context) => current(request, context)),
    onError: (failure) => failures.push(failure),
    ...changes,
  });
  const url = `127.0.0.1:${server.port}`;
  const token = () => Promise.resolve(userToken);
  const clients: { close(): void }[] = [];
  const opened = <T extends { close(): void }>(client: T): T => {
    clients.push(client);
    return client;
  };
  const newClient = () => opened(grpcClient(TemplateServiceClient, { url, token }));
  const newConversationClient = () => opened(grpcClient(ConversationServiceClient, { url, token }));
  return {
    ...{ server, url, token: userToken, failures, newClient, client: newClient() },
    ...{ newConversationClient, conversation: newConversationClient() },
    answer: (handler) => {
      current = handler;
    },
    raw: async (path, { headers, bytes, options } = {}) => {
      const client = new Client(url, credentials.createInsecure(), options);
      try {
        return await sendBytes(client, path, { headers: { authorization: `Bearer ${userToken}`, ...headers }, bytes });
      } finally {
        client.close();
      }
    },
    open: (path, headers) => http2Call(url, path, { authorization: `Bearer ${userToken}`, ...headers }),
    stop: async () => {
      for (const client of clients) client.close();
      await server.stop(0);
    },
  };
}

/** Every kind of call looks alike on the wire, so one that streams both ways does for all. */
export async function sendBytes(
  client: Client,
  path: string,
  { headers, bytes = Buffer.alloc(0) }: { headers: Record<string, string>; bytes: Buffer | undefined },
): Promise<Ended> {
  const same = (message: Buffer) => message;
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, Metadata.fromHttp2Headers(headers));
  const answers: Buffer[] = [];
  call.on('data', (answer: Buffer) => answers.push(answer));
  // The status says the same.
  call.on('error', () => undefined);
  call.end(bytes);
  const status = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
  const failure: ServiceError = Object.assign(new Error(status.details), status);
  const error = Number(status.code) === 0 ? undefined : decodeStatus(failure, path.slice(1));
  return { error, status, answers };
}

/** A server of another make: whatever it is asked, it ends the call with this status. */
export async function foreignServer(status: Partial<StatusObject>): Promise<{ url: string; stop(): void }> {
  const server = new Server();
  server.addService(
    { getTemplate: TemplateServiceService.getTemplate },
    { getTemplate: (_: unknown, callback: (error: Partial<StatusObject>) => void) => callback(status) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { url: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

/** What a call was refused with. */
export async function refusalOf(call: Promise<unknown>): Promise<HeraldError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof HeraldError, `expected a HeraldError and got ${String(error)}`);
  return error;
}

/** A handler that does not end before its signal fires, and the context it was called with. */
export function hanging() {
  const started = Promise.withResolvers<CallContext>();
  const handler: TemplateHandler = async (_, context) => {
    started.resolve(context);
    await fired(context.signal);
    return { template: undefined };
  };
  return { handler, started: started.promise };
}

/** Resolves with the reason of the signal once it fires. */
export function fired(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    const tell = () => resolve(signal.reason);
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
}
