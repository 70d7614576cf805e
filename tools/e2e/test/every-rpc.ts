import {
  Client,
  Metadata,
  type ClientDuplexStream,
  type MethodDefinition,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { AuditServiceService } from '@herald/contracts/audit';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import { SERVICE_NAMES, type ServiceName } from '@herald/grpc';
import { decodeJwt } from 'jose';
import type { RunningHerald } from './running-herald';

const SERVICES = [
  { service: 'TemplateService', definition: TemplateServiceService, at: 'template' },
  { service: 'ConfigurationService', definition: ConfigurationServiceService, at: 'configuration' },
  { service: 'DispatchService', definition: DispatchServiceService, at: 'dispatch' },
  { service: 'ConversationService', definition: ConversationServiceService, at: 'conversation' },
  // Each service that changes anything serves the log of what it changed.
  { service: 'AuditService', definition: AuditServiceService, at: 'template' },
  { service: 'AuditService', definition: AuditServiceService, at: 'configuration' },
  { service: 'AuditService', definition: AuditServiceService, at: 'dispatch' },
] as const;

type Place = (typeof SERVICES)[number]['at'];

/** An RPC of the contracts, as README names it, and where it is served. */
export interface Rpc {
  service: (typeof SERVICES)[number]['service'];
  at: Place;
  name: string;
  method: MethodDefinition<object, object>;
}

/** Every RPC of every service, from the generated definitions. */
export const EVERY_RPC: readonly Rpc[] = SERVICES.flatMap(({ service, definition, at }) =>
  Object.values(definition as ServiceDefinition).map((method) => ({
    service,
    at,
    name: method.path.split('/').at(-1) ?? '',
    method: method as MethodDefinition<object, object>,
  })),
);

/** What became of a call: its answer, where there is one, or the error. */
export type Outcome = { answer: object | undefined } | { error: Error };

/** Calls RPCs of any kind by their definitions, as no typed client does. */
export interface AnyCaller {
  /**
   * Calls with a request, which is empty unless given, and with a token or none. A stream takes the messages of an array
   * one after the other, and its answer is the last that it gave.
   */
  call(rpc: Rpc, token?: string, request?: object | readonly object[]): Promise<Outcome>;
  close(): void;
}

/** One call goes to one replica of a service, the next call to the next. */
const EACH_IN_TURN = { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) };

/**
 * Calls all replicas of each service of a running Herald. Over TLS whoever's token it is calls by their own certificate,
 * and nobody by that of another.
 */
export function anyCaller(herald: RunningHerald): AnyCaller {
  const clients = new Map<string, Client>();
  const clientOf = (at: Place, who: ServiceName | 'user') => {
    const key = `${at} as ${who}`;
    const client = clients.get(key) ?? new Client(herald.urls[at], herald.credentialsOf(who), EACH_IN_TURN);
    clients.set(key, client);
    return client;
  };
  return {
    call: (rpc, token, request = rpc.method.requestDeserialize(Buffer.alloc(0))) => {
      const metadata = new Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      return callOnce(clientOf(rpc.at, whoseToken(token)), rpc.method, { request, metadata });
    },
    close: () => clients.forEach((client) => client.close()),
  };
}

function whoseToken(token: string | undefined): ServiceName | 'user' {
  const subject = token === undefined ? '' : (decodeJwt(token).sub ?? '');
  return SERVICE_NAMES.find((service) => subject === `service:${service}`) ?? 'user';
}

function callOnce(
  client: Client,
  { path, requestStream, responseStream, requestSerialize, responseDeserialize }: MethodDefinition<object, object>,
  { request, metadata }: { request: object | readonly object[]; metadata: Metadata },
): Promise<Outcome> {
  return new Promise<Outcome>((resolve) => {
    if (requestStream || responseStream) {
      let answer: object | undefined;
      const stream = requestStream
        ? writing(client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata), request)
        : client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
      stream.on('error', (error) => resolve({ error })).on('end', () => resolve({ answer }));
      stream.on('data', (next: object) => (answer = next));
    } else
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) =>
        resolve(error ? { error } : { answer }),
      );
  });
}

function writing(
  stream: ClientDuplexStream<object, object>,
  messages: object | readonly object[],
): ClientDuplexStream<object, object> {
  for (const message of Array.isArray(messages) ? (messages as object[]) : [messages]) stream.write(message);
  stream.end();
  return stream;
}
