import { isServing, type ServiceName, type TlsFiles } from '@herald/grpc';
import { freePorts } from '@herald/ports';
import { serviceKeyFileOf, type Home } from '../system/home';
import type { Certificates } from './certificates';
import { keepProcess, type KeptProcess } from './kept-process';

/** How many processes of each service there are. */
export type ReplicaCounts = Readonly<Record<ServiceName, number>>;

/** One process of a service, and where it listens. */
export interface Replica {
  service: ServiceName;
  /** The service and a number from 1 on, as `dispatch-1`. */
  name: string;
  /** Its gRPC, and of the gateway its HTTP. */
  port: number;
  internalPort: number;
  metricsPort: number;
}

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 2_000;
/**
 * What 100 connections of a PostgreSQL as it comes allow for two processes of each service and somebody who looks: 76. Most
 * are dispatch's, whose claims, flushes, callbacks and sweeps go side by side. The environment has the last word.
 */
const POOLS: Readonly<Partial<Record<ServiceName, Record<string, string>>>> = {
  template: { HERALD_POOL_MAX: '4', HERALD_WORKER_POOL_MAX: '2' },
  configuration: { HERALD_POOL_MAX: '6', HERALD_WORKER_POOL_MAX: '2' },
  dispatch: { HERALD_POOL_MAX: '14', HERALD_WORKER_POOL_MAX: '10' },
};

/** Decides which processes there are, and takes free ports for them. */
export async function planReplicas(counts: ReplicaCounts): Promise<Replica[]> {
  const planned = (Object.entries(counts) as [ServiceName, number][]).flatMap(([service, count]) =>
    Array.from({ length: count }, (_, index) => ({ service, name: `${service}-${index + 1}` })),
  );
  const ports = await freePorts(planned.length * 3);
  return planned.map((replica) => {
    const [port = 0, internalPort = 0, metricsPort = 0] = ports.splice(0, 3);
    return { ...replica, port, internalPort, metricsPort };
  });
}

/** All replicas of a service as clients find them. */
export function addressesOf(service: ServiceName, replicas: readonly Replica[]): string {
  const ports = replicas.filter((replica) => replica.service === service).map(({ port }) => `${HOST}:${port}`);
  return `ipv4:${ports.join(',')}`;
}

/** What all replicas are told. */
export interface Shared {
  /** The program of each service. */
  programs: Readonly<Record<ServiceName, string>>;
  home: Home;
  certificates: Certificates;
  /** The environment of all of them. */
  env: Readonly<Record<string, string | undefined>>;
  onStart(): void;
}

/** Starts a replica, and keeps it running. */
export function startReplica(replica: Replica, { programs, home, certificates, env, onStart }: Shared): KeptProcess {
  const { service, name, port, internalPort, metricsPort } = replica;
  return keepProcess({
    name,
    program: programs[service],
    env: {
      ...POOLS[service],
      ...env,
      ...tlsVariables(certificates.ofService(service)),
      HERALD_SERVICE_KEY_FILE: serviceKeyFileOf(home, service),
      [service === 'gateway' ? 'HERALD_HTTP_ADDRESS' : 'HERALD_GRPC_ADDRESS']: `${HOST}:${port}`,
      HERALD_INTERNAL_ADDRESS: `${HOST}:${internalPort}`,
      HERALD_METRICS_ADDRESS: `${HOST}:${metricsPort}`,
    },
    isReady: () =>
      service === 'gateway' ? isGatewayReady(internalPort) : isServing(`${HOST}:${internalPort}`, READY_WITHIN_MS),
    onStart,
  });
}

function tlsVariables({ certFile, keyFile, caFile, trustDomain }: TlsFiles): Record<string, string | undefined> {
  return {
    HERALD_TLS_CERT_FILE: certFile,
    HERALD_TLS_KEY_FILE: keyFile,
    HERALD_TLS_CA_FILE: caFile,
    HERALD_TLS_TRUST_DOMAIN: trustDomain,
  };
}

async function isGatewayReady(internalPort: number): Promise<boolean> {
  const signal = AbortSignal.timeout(READY_WITHIN_MS);
  return fetch(`http://${HOST}:${internalPort}/readyz`, { signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}
