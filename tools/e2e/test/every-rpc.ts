import { Client, credentials, Metadata, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import type { RunningHerald } from './running-herald';

const SERVICES = {
  TemplateService: { definition: TemplateServiceService, at: 'template' },
  ConfigurationService: { definition: ConfigurationServiceService, at: 'configuration' },
  DispatchService: { definition: DispatchServiceService, at: 'dispatch' },
  ConversationService: { definition: ConversationServiceService, at: 'conversation' },
} as const;

export type ServiceLabel = keyof typeof SERVICES;

/** An RPC of the contracts, as README names it. */
export interface Rpc {
  service: ServiceLabel;
  name: string;
  method: MethodDefinition<object, object>;
}

/** Every RPC of every service, from the generated definitions. */
export const EVERY_RPC: readonly Rpc[] = Object.entries(SERVICES).flatMap(([service, { definition }]) =>
  Object.values(definition as ServiceDefinition).map((method) => ({
    service: service as ServiceLabel,
    name: method.path.split('/').at(-1) ?? '',
    method: method as MethodDefinition<object, object>,
  })),
);

/** What became of a call: its answer, where there is one, or the error. */
export type Outcome = { answer: object | undefined } | { error: Error };

/** Calls RPCs of any kind by their definitions, as no typed client does. */
export interface AnyCaller {
  /** Calls with a request, which is empty unless given, and with a token or none. */
  call(rpc: Rpc, token?: string, request?: object): Promise<Outcome>;
  close(): void;
}

/** Opens a connection to each service of a running Herald. */
export function anyCaller(herald: RunningHerald): AnyCaller {
  const clients = new Map(
    Object.entries(SERVICES).map(([service, { at }]) => [
      service,
      new Client(herald.urls[at], credentials.createInsecure()),
    ]),
  );
  return {
    call: (rpc, token, request = rpc.method.requestDeserialize(Buffer.alloc(0))) => {
      const client = clients.get(rpc.service);
      if (!client) throw new Error(`no client of ${rpc.service}`);
      const metadata = new Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      return callOnce(client, rpc.method, { request, metadata });
    },
    close: () => clients.forEach((client) => client.close()),
  };
}

function callOnce(
  client: Client,
  { path, requestStream, responseStream, requestSerialize, responseDeserialize }: MethodDefinition<object, object>,
  { request, metadata }: { request: object; metadata: Metadata },
): Promise<Outcome> {
  return new Promise<Outcome>((resolve) => {
    if (requestStream || responseStream) {
      const stream = requestStream
        ? client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
        : client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
      stream.on('error', (error) => resolve({ error })).on('end', () => resolve({ answer: undefined }));
      stream.resume();
    } else
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) =>
        resolve(error ? { error } : { answer }),
      );
  });
}
