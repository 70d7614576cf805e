import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { inProcessBus, type DeadLetter } from '@herald/bus';
import * as configurationService from '@herald/configuration-service';
import * as conversationService from '@herald/conversation-service';
import * as dispatchService from '@herald/dispatch-service';
import type { ServiceName } from '@herald/grpc';
import { insideTransaction, migrate, provision } from '@herald/postgres';
import { startInOrder, systemClock, type GrpcConfig, type Parts } from '@herald/service';
import { startSimulator } from '@herald/simulator';
import * as templateService from '@herald/template-service';
import { freePort } from '@herald/ports';
import { testDatabase, testIdentity, type TestDatabase, type TestIdentity } from '@herald/testing';
import * as webhookGateway from '@herald/webhook-gateway';
import { callersOf, type RunningHerald, type ServiceUrls } from './running-herald';

/** All of Herald in the process of a spec, with what only its own process can look into. */
export interface OneProcessHerald extends RunningHerald {
  deadLetters: DeadLetter[];
}

const POOL = { poolMax: 10, workerPoolMax: 6 };

/** What a spec may put in the way. */
export interface Obstacles {
  /** Opens another way to dispatch's database. */
  dispatchDatabase?(url: string): Promise<{ url: string; stop(): Promise<void> }>;
  /** How long an unknown outcome waits for word of the provider. */
  lookUpAfterSeconds?: number;
}

/** Starts it all, as the one-process system does. */
export async function oneProcessHerald(obstacles: Obstacles = {}): Promise<OneProcessHerald> {
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
  const urls = await startServices(parts, { identity, test, bus, dispatch: { url: way.url, ...obstacles } });
  const callers = await callersOf(parts, { tokens: identity, urls, simulator });
  const credentialsOf = () => credentials.createInsecure();
  const doors = { tokens: identity, urls, simulator, credentialsOf };
  return { ...callers, ...doors, ...{ test, deadLetters }, stop: () => parts.stop() };
}

async function startServices(
  parts: Parts,
  {
    identity,
    test,
    bus,
    dispatch: { url, lookUpAfterSeconds },
  }: {
    identity: TestIdentity;
    test: TestDatabase;
    bus: ReturnType<typeof inProcessBus>;
    dispatch: Pick<Obstacles, 'lookUpAfterSeconds'> & { url: string };
  },
): Promise<ServiceUrls> {
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
          ...{ grpc: grpc('dispatch'), database: { ...database, url } },
          ...{ templateUrl: template, configurationUrl: configuration },
          ...{ shards: 4, instance: 'spec', ownsAll: true, lookUpAfterSeconds },
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
