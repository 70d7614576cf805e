import { join } from 'node:path';
import type { ServiceName } from '@herald/grpc';
import { startLocalBroker } from '@herald/local-kafka';
import { startInOrder, type Environment, type Parts, type Running } from '@herald/service';
import { lockedPostgres, prepareDatabases } from '../system/database';
import { openHome, publicHalf, replaceFile, type Home } from '../system/home';
import { choosePorts } from '../system/ports';
import { simulatorProcess } from '../system/simulator-process';
import { readSystemFile, removeSystemFile, writeSystemFile, type SystemFile } from '../system/system-file';
import { balancer } from './balancer';
import { issueCertificates } from './certificates';
import { endLeftovers } from './leftovers';
import { keySetServer } from './key-set-server';
import type { KeptProcess } from './kept-process';
import { servicePrograms } from './service-program';
import { addressesOf, planReplicas, startReplica, type Replica, type ReplicaCounts } from './replicas';

/** What the distributed system is started with. */
export interface DistributedSettings {
  home: string;
  portBase: number;
  environment: Environment;
  /** The environment that the processes inherit. */
  inherited: Readonly<Record<string, string | undefined>>;
  replicas: ReplicaCounts;
  simulator: { faults: string; outcomes: string };
}

/** All of Herald, each service several processes. */
export interface DistributedSystem extends Running {
  file: SystemFile;
  /** Where each process listens. */
  replicas: readonly Replica[];
  /** What keeps each of them running, by name. */
  processes: ReadonlyMap<string, KeptProcess>;
}

/** Two of everything: enough that any one may go. */
export const TWO_OF_EACH: ReplicaCounts = { template: 2, configuration: 2, dispatch: 2, conversation: 2, gateway: 2 };

const HOST = '127.0.0.1';

/**
 * Starts every service as processes of their own, over the brokers that the environment names or a local one, with the
 * home's own PostgreSQL or the one named. They know each other by mutual TLS. What a cluster has around them stands in
 * here: a load balancer before the gateways, an issuer of keys and one of certificates, and a keeper that starts anew what
 * ends.
 */
export async function startDistributed(settings: DistributedSettings): Promise<DistributedSystem> {
  const parts = startInOrder();
  try {
    return { ...(await startParts(parts, settings)), stop: () => parts.stop() };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

async function startParts(parts: Parts, settings: DistributedSettings): Promise<Omit<DistributedSystem, 'stop'>> {
  const { environment, portBase } = settings;
  const home = await openHome(settings.home, environment.HERALD_MASTER_KEY_FILE);
  const earlier = await readSystemFile(home.directory);
  const ports = await choosePorts(portBase, earlier);
  const { directory } = home;
  const { url } = await parts.add(() =>
    lockedPostgres(environment.HERALD_DATABASE_URL, { directory, port: ports.postgres }),
  );
  // Whoever has the lock is alone: replicas of a keeper that was killed would hold the ports and the shards.
  await endLeftovers(earlier);
  await prepareDatabases({ ...environment, HERALD_DATABASE_URL: url });
  const simulator = await parts.add(() =>
    simulatorProcess({ home: directory, port: ports.simulator, ...settings.simulator }),
  );
  const replicas = await planReplicas(settings.replicas);
  const programs = await servicePrograms();
  const publicUrl = environment.HERALD_PUBLIC_URL ?? `http://${HOST}:${ports.gateway}`;
  const certificates = await parts.add(() => issueCertificates(join(directory, 'tls')));
  const env = await sharedEnvironment(parts, { settings, home, replicas, url, publicUrl });
  const processes = new Map<string, KeptProcess>();
  const file = (): SystemFile => ({
    ...{ pid: process.pid, portBase, ports, publicUrl, tls: certificates.ofUser },
    services: {
      template: addressesOf('template', replicas),
      configuration: addressesOf('configuration', replicas),
      dispatch: addressesOf('dispatch', replicas),
      conversation: addressesOf('conversation', replicas),
    },
    simulator: { url: simulator.url, control: simulator.control },
    brokers: env.HERALD_KAFKA_BROKERS,
    processes: Object.fromEntries([...processes].map(([name, { pid }]) => [name, pid])),
  });
  const gatewayPorts = replicas.filter(({ service }) => service === 'gateway').map(({ port }) => port);
  await parts.add(() => balancer(ports.gateway, gatewayPorts));
  await parts.add(async () => ({ stop: () => removeSystemFile(directory) }));
  let isUp = false;
  await startAll(parts, replicas, (replica) => {
    // Before all are up nobody is to find them; later a process that was started anew has another id.
    const onStart = () => void (isUp && writeSystemFile(directory, file()));
    const kept = startReplica(replica, { programs, home, certificates, env, onStart });
    processes.set(kept.name, kept);
    return kept;
  });
  isUp = true;
  await writeSystemFile(directory, file());
  return { file: file(), replicas, processes };
}

/** Stopped in the reverse order: whoever calls before whoever is called, and first of all the gateway, whom providers call. */
const STOPPED_LAST_FIRST: readonly ServiceName[] = ['template', 'configuration', 'dispatch', 'conversation', 'gateway'];

/** They are started at once: each waits for what it needs, as in a cluster, where nobody says who comes first. */
async function startAll(
  parts: Parts,
  replicas: readonly Replica[],
  begin: (replica: Replica) => KeptProcess,
): Promise<void> {
  const begun = replicas.map((replica) => ({ service: replica.service, kept: begin(replica) }));
  for (const service of STOPPED_LAST_FIRST) {
    const group = begun.filter((each) => each.service === service);
    await parts.add(async () => ({
      stop: async () => {
        await Promise.all(group.map(({ kept }) => kept.stop()));
      },
    }));
  }
  await Promise.all(begun.map(({ kept }) => kept.ready()));
}

interface Surroundings {
  settings: DistributedSettings;
  home: Home;
  replicas: readonly Replica[];
  url: string;
  publicUrl: string;
}

/** What every process is told, of whatever service. */
async function sharedEnvironment(
  parts: Parts,
  { settings, home, replicas, url, publicUrl }: Surroundings,
): Promise<Record<string, string | undefined>> {
  const { environment, inherited } = settings;
  const keySetFile = join(home.directory, 'keys', 'service-key-set.json');
  await replaceFile(keySetFile, JSON.stringify({ keys: Object.values(home.serviceKeys).map(publicHalf) }));
  const jwksUrl =
    environment.HERALD_JWKS_URL ?? (await parts.add(() => keySetServer([publicHalf(home.issuerKey)]))).url;
  const brokers = environment.HERALD_KAFKA_BROKERS?.join(',') ?? (await localBroker(parts, home));
  return {
    ...inherited,
    // The home and its ports are the keeper's alone.
    ...{ HERALD_HOME: undefined, HERALD_PORT_BASE: undefined, HERALD_TOKEN_FILE: undefined },
    HERALD_DATABASE_URL: url,
    HERALD_KAFKA_BROKERS: brokers,
    HERALD_JWKS_URL: jwksUrl,
    HERALD_SERVICE_KEY_SET_FILE: keySetFile,
    HERALD_MASTER_KEY_FILE: home.masterKeyFile,
    HERALD_PUBLIC_URL: publicUrl,
    HERALD_REFLECTION: environment.HERALD_REFLECTION ?? 'on',
    HERALD_TEMPLATE_URL: addressesOf('template', replicas),
    HERALD_CONFIGURATION_URL: addressesOf('configuration', replicas),
    HERALD_DISPATCH_URL: addressesOf('dispatch', replicas),
  };
}

async function localBroker(parts: Parts, { directory }: Home): Promise<string> {
  return (await parts.add(() => startLocalBroker({ directory: join(directory, 'kafka') }))).broker;
}
