import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, heraldProcess, startDistributed, type Connection, type ReplicaCounts } from '@herald/herald-cli';
import { startLocalServer } from '@herald/postgres/local-server';
import { readEnvironment, type Parts } from '@herald/service';
import { onDatabase } from './database';

/** What carries the events: Apache Kafka between a process of each service, or the one process itself. */
export type BusName = 'kafka' | 'in-process';

/** The system that is measured, with all that is asked of it. */
export interface MeasuredSystem {
  bus: BusName;
  /** A connection string of a superuser. */
  databaseUrl: string;
  /** Where the one gateway listens, behind what stands for a load balancer. */
  gatewayUrl: string;
  /** The process that sends, among `processes`. */
  senderName: string;
  /** Every process of the system by name; PostgreSQL is the one that all of its others are children of. */
  processes(): Promise<Record<string, number>>;
  connect(org: string): Promise<Connection>;
}

/** What a system is started with. */
export interface SystemSettings {
  bus: BusName;
  /** A folder of its own. */
  home: string;
  env: Readonly<Record<string, string | undefined>>;
}

const ONE_OF_EACH: ReplicaCounts = { template: 1, configuration: 1, dispatch: 1, conversation: 1, gateway: 1 };
const HOST = '127.0.0.1';

/** Starts the system on a folder, with a PostgreSQL and a broker of its own where the environment names none. */
export async function startMeasured(parts: Parts, settings: SystemSettings): Promise<MeasuredSystem> {
  const { home, env } = settings;
  const started = settings.bus === 'kafka' ? await distributed(parts, settings) : await oneProcess(parts, settings);
  const { postgresPort, ...system } = started;
  const named = readEnvironment(env).HERALD_DATABASE_URL;
  const databaseUrl = named ?? (await startLocalServer({ directory: join(home, 'postgres'), port: postgresPort })).url;
  return {
    ...{ bus: settings.bus, ...system, databaseUrl },
    processes: async () => ({
      ...(await system.processes()),
      ...(await postgresProcess(databaseUrl)),
      ...(await brokerProcess(home)),
    }),
    // Whoever drives the load may do all that it does; each organisation is its own.
    connect: (org) => connect(home, {}, { org, scopes: ['configure', 'send', 'read', 'operator'], subject: 'bench' }),
  };
}

/** What the two ways to run differ in. */
type Started = Pick<MeasuredSystem, 'gatewayUrl' | 'senderName' | 'processes'> & {
  postgresPort: number;
};

async function distributed(parts: Parts, { home, env }: SystemSettings): Promise<Started> {
  const { file, replicas, processes } = await parts.add(() =>
    startDistributed({
      ...{ home, portBase: 0, inherited: env, environment: readEnvironment(env), replicas: ONE_OF_EACH },
      simulator: { faults: '', outcomes: '' },
    }),
  );
  const of = (service: string) => replicas.find((replica) => replica.service === service);
  return {
    postgresPort: file.ports.postgres,
    gatewayUrl: `http://${HOST}:${of('gateway')?.port}`,
    senderName: 'dispatch',
    processes: async () =>
      Object.fromEntries(
        [...processes].flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name.replace(/-1$/, ''), pid]])),
      ),
  };
}

async function oneProcess(parts: Parts, { home, env }: SystemSettings): Promise<Started> {
  const { file } = await parts.add(() => heraldProcess(home, [], env));
  return {
    postgresPort: file.ports.postgres,
    gatewayUrl: `http://${HOST}:${file.ports.gateway}`,
    senderName: 'herald',
    processes: async () => ({ herald: file.pid }),
  };
}

/** A database of another machine has no process here. */
async function postgresProcess(databaseUrl: string): Promise<Record<string, number>> {
  const [row] = await onDatabase<{ folder: string }>(databaseUrl, `select current_setting('data_directory') as folder`);
  const lock = await readFile(join(row?.folder ?? '', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(lock.split('\n')[0]);
  return pid > 0 ? { postgres: pid } : {};
}

async function brokerProcess(home: string): Promise<Record<string, number>> {
  const text = await readFile(join(home, 'kafka', 'broker.json'), 'utf8').catch(() => '{}');
  const { pid } = JSON.parse(text) as { pid?: number };
  return pid === undefined ? {} : { broker: pid };
}
