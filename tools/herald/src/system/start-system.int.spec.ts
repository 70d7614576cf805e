import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer, stopLocalServer } from '@herald/postgres/local-server';
import { configureLogs } from '@herald/telemetry';
import { connect } from '../client/connect';
import { choosePorts } from './ports';
import { startSystem, type SystemSettings } from './start-system';
import { readSystemFile, removeSystemFile, writeSystemFile } from './system-file';

describe('startSystem', () => {
  let settings: SystemSettings;

  beforeAll(async () => {
    configureLogs({ level: 'silent' });
    const home = await mkdtemp(join(tmpdir(), 'herald-system-'));
    settings = { home, portBase: 0, environment: {}, kafka: false, simulator: undefined };
  });
  afterAll(async () => {
    await removeLocalServer(join(settings.home, 'postgres'));
    await rm(settings.home, { recursive: true });
    configureLogs({ level: 'info' });
  });

  const ask = async () => {
    const connection = await connect(settings.home, {}, { org: 'acme', scopes: ['read'], subject: 'spec' });
    try {
      return await connection.dispatch.getQuota({});
    } finally {
      connection.close();
    }
  };

  it('refuses a second system on the same home, and the first one goes on', async () => {
    const first = await startSystem(settings);
    try {
      await expect(startSystem(settings)).rejects.toThrow(
        `Another Herald already runs on the database of ${settings.home}. Stop it, or choose another --home.`,
      );
      expect(await ask()).toMatchObject({ limit: 30_000, used: 0 });
      expect(await readSystemFile(settings.home)).toEqual(JSON.parse(JSON.stringify(first.file)));
    } finally {
      await first.stop();
    }
    expect(await readSystemFile(settings.home)).toBeUndefined();
  });

  it('says which port is taken when its PostgreSQL cannot listen', async () => {
    const ports = await choosePorts(0, undefined);
    const squatter = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => squatter.listen(ports.postgres, '127.0.0.1', resolve));
    // A home whose Herald was killed takes its ports again.
    const services = { template: '', configuration: '', dispatch: '', conversation: '' };
    const left = { pid: 1, portBase: 0, ports, services, publicUrl: '', simulator: undefined };
    await writeSystemFile(settings.home, left);
    try {
      await expect(startSystem(settings)).rejects.toThrow(
        `EADDRINUSE: address already in use 127.0.0.1:${ports.postgres}`,
      );
    } finally {
      await removeSystemFile(settings.home);
      await new Promise((resolve) => squatter.close(resolve));
    }
  });

  it('keeps its home for its owner alone, and removes its PostgreSQL wherever that is', async () => {
    const system = await startSystem(settings);
    expect((await stat(join(settings.home, 'system.json'))).mode & 0o777).toBe(0o600);
    await system.stop();
    const data = await stopLocalServer(join(settings.home, 'postgres'));
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    await removeLocalServer(join(settings.home, 'postgres'));
    await expect(stat(data)).rejects.toThrow('ENOENT');
  });
});
