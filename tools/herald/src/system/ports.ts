import { freePorts } from '@herald/ports';
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
