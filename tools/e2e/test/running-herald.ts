import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProcessBus, type DeadLetter } from '@herald/bus';
import * as configurationService from '@herald/configuration-service';
import { AuditServiceClient } from '@herald/contracts/audit';
import { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { Contact, DispatchServiceClient, type SendOutboundMessagesRequest } from '@herald/contracts/dispatch';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import { TemplateServiceClient } from '@herald/contracts/template';
import * as conversationService from '@herald/conversation-service';
import * as dispatchService from '@herald/dispatch-service';
import { grpcClient, type Scope, type ServiceName } from '@herald/grpc';
import { insideTransaction, migrate, provision } from '@herald/postgres';
import { startInOrder, systemClock, type GrpcConfig } from '@herald/service';
import { startSimulator } from '@herald/simulator';
import * as templateService from '@herald/template-service';
import { freePort, testDatabase, testIdentity, type TestDatabase, type TestIdentity } from '@herald/testing';
import * as webhookGateway from '@herald/webhook-gateway';
import { randomUUID } from 'node:crypto';
import { makeSampleOrganisation, type Connection, type SampleOrganisation } from '@herald/herald-cli';

/** All of Herald in the process of a spec, on a database of its own, with a simulator. */
export interface RunningHerald {
  test: TestDatabase;
  identity: TestIdentity;
  simulator: { url: string; controlUrl: string };
  deadLetters: DeadLetter[];
  /** Where each service listens. */
  urls: { template: string; configuration: string; dispatch: string; conversation: string };
  /** The services as one user calls them. */
  as(user: { org: string; scopes?: readonly Scope[]; subject?: string }): Connection;
  /** The services as somebody calls them who says this where a token should stand. */
  withToken(token: () => Promise<string>): Connection;
  /** Makes an organisation that can send. */
  organisation(org: string): Promise<SampleOrganisation>;
  stop(): Promise<void>;
}

const POOL = { poolMax: 10, workerPoolMax: 6 };

/** What a spec may put in the way. */
export interface Obstacles {
  /** Opens another way to dispatch's database. */
  dispatchDatabase?(url: string): Promise<{ url: string; stop(): Promise<void> }>;
}

/** Starts it all, as the one-process system does. */
export async function runningHerald(obstacles: Obstacles = {}): Promise<RunningHerald> {
  const parts = startInOrder();
  const identity = await testIdentity();
  const test = await testDatabase({ service: 'dispatch', migrations: dispatchService.migrations });
  await parts.add(async () => ({ stop: () => test.close() }));
  for (const [service, { migrations }] of Object.entries({
    template: templateService,
    configuration: configurationService,
  })) {
    await provision({ adminUrl: test.url, service });
    await migrate({ adminUrl: test.url, service, migrations });
  }
  const receipts = await mkdtemp(join(tmpdir(), 'herald-receipts-'));
  await parts.add(async () => ({ stop: () => rm(receipts, { recursive: true, force: true }) }));
  const simulator = await parts.add(() =>
    startSimulator({ receipts, statusDelay: { minMs: 1, maxMs: 5 }, shares: { delivered: 1 } }),
  );
  const deadLetters: DeadLetter[] = [];
  const bus = inProcessBus({
    partitions: 4,
    clock: systemClock,
    forbidden: insideTransaction,
    deadLetters: { add: async (letter) => void deadLetters.push(letter) },
  });
  await parts.add(async () => ({ stop: () => bus.stop() }));
  const way = await parts.add(
    async () => (await obstacles.dispatchDatabase?.(test.url)) ?? { url: test.url, stop: async () => {} },
  );
  const urls = await startServices(parts, { identity, test, bus, dispatchUrl: way.url });
  const connections: Connection[] = [];
  await parts.add(async () => ({ stop: async () => connections.forEach((connection) => connection.close()) }));
  const withToken = (token: () => Promise<string>): Connection => {
    const template = grpcClient(TemplateServiceClient, { url: urls.template, token });
    const configuration = grpcClient(ConfigurationServiceClient, { url: urls.configuration, token });
    const dispatch = grpcClient(DispatchServiceClient, { url: urls.dispatch, token });
    const audit = {
      template: grpcClient(AuditServiceClient, { url: urls.template, token }),
      configuration: grpcClient(AuditServiceClient, { url: urls.configuration, token }),
      dispatch: grpcClient(AuditServiceClient, { url: urls.dispatch, token }),
    };
    const close = () =>
      [template, configuration, dispatch, ...Object.values(audit)].forEach((client) => client.close());
    const connection = { template, configuration, dispatch, audit, close };
    connections.push(connection);
    return connection;
  };
  const as: RunningHerald['as'] = ({ org, scopes = ['configure', 'send', 'read'], subject = 'ana' }) =>
    withToken(() => identity.userToken({ org, scopes, subject }));
  return {
    ...{ test, identity, simulator, deadLetters, urls, as, withToken },
    organisation: (org) => makeSampleOrganisation(as({ org }), { org, simulatorUrl: simulator.url }),
    stop: () => parts.stop(),
  };
}

async function startServices(
  parts: ReturnType<typeof startInOrder>,
  {
    identity,
    test,
    bus,
    dispatchUrl,
  }: { identity: TestIdentity; test: TestDatabase; bus: ReturnType<typeof inProcessBus>; dispatchUrl: string },
) {
  const grpc = (service: ServiceName): GrpcConfig => ({
    address: '127.0.0.1:0',
    reflection: true,
    identity: identity.identityOf(service),
  });
  const shared = { bus, clock: systemClock };
  const database = { url: test.url, ...POOL };
  const gatewayPort = await freePort();
  const publicUrl = `http://127.0.0.1:${gatewayPort}`;
  const at = ({ port }: { port: number }) => `127.0.0.1:${port}`;
  const template = at(await parts.add(() => templateService.start({ grpc: grpc('template'), database }, shared)));
  const masterKey = Buffer.alloc(32, 7);
  const configuration = at(
    await parts.add(() =>
      configurationService.start(
        { grpc: grpc('configuration'), database, templateUrl: template, publicUrl, masterKey },
        shared,
      ),
    ),
  );
  const dispatch = at(
    await parts.add(() =>
      dispatchService.start(
        {
          ...{ grpc: grpc('dispatch'), database: { ...database, url: dispatchUrl } },
          ...{ templateUrl: template, configurationUrl: configuration },
          ...{ shards: 4, instance: 'spec', ownsAll: true },
        },
        shared,
      ),
    ),
  );
  await parts.add(() =>
    webhookGateway.start(
      {
        ...{ httpAddress: `127.0.0.1:${gatewayPort}`, internalAddress: '127.0.0.1:0', publicUrl },
        ...{ configurationUrl: configuration, identity: identity.identityOf('gateway') },
      },
      shared,
    ),
  );
  const conversation = at(await parts.add(() => conversationService.start({ grpc: grpc('conversation') })));
  return { template, configuration, dispatch, conversation };
}

/** A contact that can be sent to, with changes. */
export function contactOf(changes: Partial<Contact> = {}): Contact {
  return Contact.fromPartial({
    toContactId: '+14255550123',
    optin: true,
    locale: 'en-US',
    contextItems: { CustomerName: 'Ana', OrderNumber: 'A-1', DeliveryDate: '1/12' },
    ...changes,
  });
}

/** A request to send, with a new id. */
export function requestOf(
  outboundConfigurationId: string,
  contacts: Contact[],
  changes: Partial<SendOutboundMessagesRequest> = {},
): SendOutboundMessagesRequest {
  return {
    requestId: randomUUID(),
    outboundConfigurationId,
    contacts,
    deliveryGuarantee: DeliveryGuarantee.UNSPECIFIED,
    purpose: Purpose.UNSPECIFIED,
    validFor: undefined,
    readyTime: undefined,
    ...changes,
  };
}
