import { join } from 'node:path';
import * as configurationService from '@herald/configuration-service';
import * as conversationService from '@herald/conversation-service';
import * as dispatchService from '@herald/dispatch-service';
import * as templateService from '@herald/template-service';
import * as webhookGateway from '@herald/webhook-gateway';
import {
  databaseUrlOf,
  ISSUER_DEFAULT,
  kafkaConnectionOf,
  SHARDS_DEFAULT,
  startInOrder,
  systemClock,
  type Environment,
  type GrpcConfig,
  type IdentityConfig,
  type Parts,
  type Running,
} from '@herald/service';
import type { ServiceName } from '@herald/grpc';
import { startTelemetry } from '@herald/telemetry';
import { lockedPostgres, prepareBusDatabase, prepareDatabases } from './database';
import { openEventBus } from './event-bus';
import { openHome, publicHalf, type Home } from './home';
import { choosePorts } from './ports';
import { simulatorProcess, type SimulatorProcess } from './simulator-process';
import { readSystemFile, removeSystemFile, writeSystemFile, type SystemFile, type SystemPorts } from './system-file';

/** What the one-process system is started with. */
export interface SystemSettings {
  home: string;
  portBase: number;
  environment: Environment;
  /** Whether to start a broker of the home's own, where the environment names none. */
  kafka: boolean;
  /** Undefined where real providers are used alone. */
  simulator: { faults: string; outcomes: string } | undefined;
}

/** An environment that names a database for every service. */
type Databases = Environment & { HERALD_DATABASE_URL: string };

/** The connections of one process: 48 of the 60 it may have at most. Dispatch's are as many as a process of its own has. */
const POOLS = {
  template: { poolMax: 8, workerPoolMax: 2 },
  configuration: { poolMax: 8, workerPoolMax: 2 },
  dispatch: { poolMax: 14, workerPoolMax: 10 },
};
const HOST = '127.0.0.1';

/**
 * Starts all of Herald in this process, over the home's own PostgreSQL or the one named, with the simulator in a
 * process of its own. What an earlier Herald left behind when it was killed is taken over: its PostgreSQL, its ports,
 * its simulator.
 */
export async function startSystem(settings: SystemSettings): Promise<Running & { file: SystemFile }> {
  const parts = startInOrder();
  try {
    const file = await startParts(parts, settings);
    return { file, stop: () => parts.stop() };
  } catch (error) {
    // A part that fails stops the others; between the parts are migrations, which are none.
    await parts.stop();
    throw error;
  }
}

async function startParts(parts: Parts, settings: SystemSettings): Promise<SystemFile> {
  const { environment } = settings;
  const home = await openHome(settings.home, environment.HERALD_MASTER_KEY_FILE);
  const ports = await choosePorts(settings.portBase, await readSystemFile(home.directory));
  const { directory } = home;
  const { url } = await parts.add(() =>
    lockedPostgres(environment.HERALD_DATABASE_URL, { directory, port: ports.postgres }),
  );
  const databases = { ...environment, HERALD_DATABASE_URL: url };
  await prepareDatabases(databases);
  await prepareBusDatabase(url);
  await parts.add(() => startTelemetry({ serviceName: 'herald', metricsAddress: `${HOST}:${ports.metrics}` }));
  const simulator = await startSimulator(parts, settings, ports);
  const { brokers } = await startServices(parts, { settings, home, ports, databases });
  const at = (port: number) => `${HOST}:${port}`;
  const file: SystemFile = {
    pid: process.pid,
    portBase: settings.portBase,
    ports,
    services: {
      template: at(ports.template),
      configuration: at(ports.configuration),
      dispatch: at(ports.dispatch),
      conversation: at(ports.conversation),
    },
    publicUrl: publicUrlOf(settings, ports),
    simulator: simulator && { url: simulator.url, control: simulator.control },
    brokers,
  };
  await parts.add(async () => {
    await writeSystemFile(home.directory, file);
    return { stop: () => removeSystemFile(home.directory) };
  });
  return file;
}

async function startSimulator(
  parts: Parts,
  settings: SystemSettings,
  ports: SystemPorts,
): Promise<SimulatorProcess | undefined> {
  const { simulator } = settings;
  if (simulator === undefined) return undefined;
  return parts.add(() => simulatorProcess({ home: settings.home, port: ports.simulator, ...simulator }));
}

/** The five services, in the order in which they need each other; the gateway last, when all it leads to is there. */
async function startServices(
  parts: Parts,
  {
    settings,
    home,
    ports,
    databases,
  }: { settings: SystemSettings; home: Home; ports: SystemPorts; databases: Databases },
): Promise<Pick<SystemFile, 'brokers'>> {
  const { environment } = settings;
  const shards = environment.HERALD_SHARDS ?? SHARDS_DEFAULT;
  const isKafkaNamed = environment.HERALD_KAFKA_BROKERS !== undefined;
  const { bus, brokers, startRedriving } = await openEventBus(parts, {
    ...{ databaseUrl: databases.HERALD_DATABASE_URL, shards },
    kafka: isKafkaNamed ? await kafkaConnectionOf(environment, 'herald') : undefined,
    brokerDirectory: settings.kafka ? join(home.directory, 'kafka') : undefined,
  });
  const databaseOf = (service: keyof typeof POOLS) => ({
    url: databaseUrlOf(service, databases) ?? databases.HERALD_DATABASE_URL,
    ...POOLS[service],
  });
  const shared = { bus, clock: systemClock };
  const identityOf = (service: ServiceName) => identityFor(service, home, environment);
  const grpc = (service: ServiceName, port: number): GrpcConfig => ({
    address: `${HOST}:${port}`,
    reflection: environment.HERALD_REFLECTION !== 'off',
    identity: identityOf(service),
  });
  const [templateUrl, configurationUrl] = [`${HOST}:${ports.template}`, `${HOST}:${ports.configuration}`];
  const publicUrl = publicUrlOf(settings, ports);
  await parts.add(() =>
    templateService.start({ grpc: grpc('template', ports.template), database: databaseOf('template') }, shared),
  );
  await parts.add(() =>
    configurationService.start(
      {
        grpc: grpc('configuration', ports.configuration),
        database: databaseOf('configuration'),
        ...{ templateUrl, publicUrl, masterKey: home.masterKey },
      },
      shared,
    ),
  );
  await parts.add(() =>
    dispatchService.start(
      {
        // One channelz shows all servers of a process.
        grpc: { ...grpc('dispatch', ports.dispatch), internalAddress: `${HOST}:${ports.channelz}` },
        database: databaseOf('dispatch'),
        ...{ templateUrl, configurationUrl, shards, instance: `one-process-${process.pid}`, ownsAll: true },
        ...dispatchService.tuningOf(environment),
      },
      shared,
    ),
  );
  await parts.add(() => conversationService.start({ grpc: grpc('conversation', ports.conversation) }));
  await parts.add(() =>
    webhookGateway.start(
      {
        httpAddress: `${HOST}:${ports.gateway}`,
        internalAddress: `${HOST}:${ports.internal}`,
        ...{ publicUrl, configurationUrl, identity: identityOf('gateway') },
      },
      shared,
    ),
  );
  if (startRedriving) await parts.add(() => Promise.resolve(startRedriving()));
  return { brokers };
}

function publicUrlOf({ environment }: SystemSettings, ports: SystemPorts): string {
  return environment.HERALD_PUBLIC_URL ?? `http://${HOST}:${ports.gateway}`;
}

function identityFor(service: ServiceName, home: Home, environment: Environment): IdentityConfig {
  const { HERALD_JWKS_URL: jwksUrl } = environment;
  return {
    issuer: environment.HERALD_JWT_ISSUER ?? ISSUER_DEFAULT,
    audience: environment.HERALD_JWT_AUDIENCE ?? ISSUER_DEFAULT,
    userKeys: jwksUrl === undefined ? { keys: [publicHalf(home.issuerKey)] } : { url: jwksUrl },
    serviceKeys: { keys: Object.values(home.serviceKeys).map(publicHalf) },
    servicePrivateKey: home.serviceKeys[service],
  };
}
