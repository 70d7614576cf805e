import { choosePorts } from './ports';
import type { SystemFile, SystemPorts } from './system-file';

/** What a system left that was killed. */
function left(portBase: number, ports: SystemPorts): SystemFile {
  const services = { template: '', configuration: '', dispatch: '', conversation: '' };
  return { pid: 1, portBase, ports, services, publicUrl: '', simulator: undefined };
}

describe('choosePorts above a base', () => {
  it('leaves room between the ports, and gives none twice', async () => {
    const ports = await choosePorts(50_050, undefined);
    expect(ports).toMatchObject({ template: 50_051, gateway: 50_060, postgres: 50_095 });
    expect(new Set(Object.values(ports)).size).toBe(10);
  });

  it('moves all ports with the base', async () => {
    const [low, high] = await Promise.all([choosePorts(20_000, undefined), choosePorts(30_000, undefined)]);
    const moved = Object.entries(low).map(([name, port]) => [name, port + 10_000]);
    expect(high).toEqual(Object.fromEntries(moved));
  });

  it('takes the ports of a system that was killed again, as long as the base is the same', async () => {
    const earlier = await choosePorts(20_000, undefined);
    expect(await choosePorts(0, left(0, earlier))).toEqual(earlier);
    expect(await choosePorts(30_000, left(0, earlier))).toEqual(await choosePorts(30_000, undefined));
  });
});
