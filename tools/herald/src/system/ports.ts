import { createServer, type Server } from 'node:net';
import type { SystemFile, SystemPorts } from './system-file';

/** How far each port stands above the port base; the gap leaves room for what is to come. */
const OFFSETS: Readonly<Record<keyof SystemPorts, number>> = {
  template: 1,
  configuration: 2,
  dispatch: 3,
  conversation: 4,
  gateway: 10,
  internal: 11,
  simulator: 20,
  metrics: 31,
  channelz: 40,
  postgres: 45,
};

/** The highest base whose ports all exist. */
export const PORT_BASE_MAX = 65_535 - Math.max(...Object.values(OFFSETS));

/**
 * The ports of a system: above a base, or with base 0 free ones. A system that was killed gets its ports again, because
 * providers go on calling the gateway where it was.
 */
export async function choosePorts(portBase: number, earlier: SystemFile | undefined): Promise<SystemPorts> {
  if (earlier?.portBase === portBase) return earlier.ports;
  const names = Object.keys(OFFSETS) as (keyof SystemPorts)[];
  const ports = portBase === 0 ? await freePorts(names.length) : names.map((name) => portBase + OFFSETS[name]);
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as unknown as SystemPorts;
}

/** Throws the error of whoever listens in vain, EADDRINUSE, when somebody listens on the port. */
export async function assertFree(port: number): Promise<void> {
  const server = await listening(port);
  await new Promise((resolve) => server.close(resolve));
}

function listening(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server)),
  );
}

/** Ports that nobody listens on; all are held at once, so that none is found twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
