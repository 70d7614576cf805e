import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer, startLocalServer } from '@herald/postgres/local-server';
import { configureLogs } from '@herald/telemetry';
import { Client } from 'pg';
import { connect } from '../client/connect';
import { startSystem } from '../system/start-system';
import { makeSampleOrganisation } from './organisation';

/** Lets a home forget the request ids it knows, as it does after 30 days. */
async function forgetRequestIds(home: string, port: number): Promise<void> {
  const { url } = await startLocalServer({ directory: join(home, 'postgres'), port });
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('delete from configuration.idempotency');
  await client.query('delete from template.idempotency');
  await client.end();
}

describe('makeSampleOrganisation', () => {
  it('finds what it made before, however long ago', async () => {
    configureLogs({ level: 'silent' });
    const home = await mkdtemp(join(tmpdir(), 'herald-sample-'));
    const settings = { home, portBase: 0, environment: {}, kafka: false, simulator: { faults: '', outcomes: '' } };
    const system = await startSystem(settings);
    try {
      const connection = await connect(home, {}, { org: 'sample', scopes: ['configure', 'read'], subject: 'spec' });
      const where = { org: 'sample', simulatorUrl: system.file.simulator?.url ?? '' };
      const made = await makeSampleOrganisation(connection, where);
      expect(await makeSampleOrganisation(connection, where)).toEqual(made);
      await forgetRequestIds(home, system.file.ports.postgres);
      expect(await makeSampleOrganisation(connection, where)).toEqual(made);
      connection.close();
    } finally {
      await system.stop();
      await removeLocalServer(join(home, 'postgres'));
      await rm(home, { recursive: true });
      configureLogs({ level: 'info' });
    }
  });
});
