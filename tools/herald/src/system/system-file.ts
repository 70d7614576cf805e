import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsFiles } from '@herald/grpc';
import { replaceFile } from './home';

/** Where each door of a running system is. The command line reads it, and the next start takes the same ports again. */
export interface SystemFile {
  pid: number;
  /** The port below the others, or 0 where free ones were taken. */
  portBase: number;
  ports: SystemPorts;
  /** Where each gRPC service is, as a client takes it: `host:port`, or a list of its replicas. */
  services: { template: string; configuration: string; dispatch: string; conversation: string };
  publicUrl: string;
  /** What a caller of the services shows, where they speak TLS. */
  tls?: TlsFiles;
  simulator: { url: string; control: string } | undefined;
  /** The brokers that events go over, as HERALD_KAFKA_BROKERS names them; without them they stay in the process. */
  brokers?: string | undefined;
  /** The process ids of the replicas, by name, where each service has processes of its own. */
  processes?: Readonly<Record<string, number | undefined>>;
}

/** The ports that a system listens on. */
export interface SystemPorts {
  template: number;
  configuration: number;
  dispatch: number;
  conversation: number;
  gateway: number;
  internal: number;
  simulator: number;
  metrics: number;
  channelz: number;
  postgres: number;
}

const NAME = 'system.json';

/** What the system of a home wrote when it started; undefined where none did, or the last one stopped in order. */
export async function readSystemFile(home: string): Promise<SystemFile | undefined> {
  const text = await readFile(join(home, NAME), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as SystemFile);
}

/** Tells where the doors of the running system are. */
export function writeSystemFile(home: string, file: SystemFile): Promise<void> {
  return replaceFile(join(home, NAME), `${JSON.stringify(file, null, 2)}\n`);
}

/** Says that no system of this home runs any more. */
export function removeSystemFile(home: string): Promise<void> {
  return rm(join(home, NAME), { force: true });
}
