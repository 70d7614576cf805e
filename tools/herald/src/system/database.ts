import { join } from 'node:path';
import * as configurationService from '@herald/configuration-service';
import * as dispatchService from '@herald/dispatch-service';
import * as templateService from '@herald/template-service';
import { migrate, provision, startLocalServer } from '@herald/postgres';
import { assertFree } from '@herald/ports';
import { databaseUrlOf, type Environment, type Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { AdviceError } from '../advice-error';
import { busMigrations } from './dead-letters';
import { lockHome } from './home-lock';

const log = logger('herald');

/**
 * The database of the home, held for this system. Its server belongs to whoever has the lock: a second system is refused
 * here, and must not stop what the first one works with.
 */
export async function lockedPostgres(
  named: string | undefined,
  { directory, port }: { directory: string; port: number },
): Promise<Running & { url: string }> {
  if (named !== undefined) return { url: named, stop: (await lockHome(named, directory)).stop };
  const server = await startLocalServer({ directory: join(directory, 'postgres'), port }).catch(async (error) => {
    // The likeliest reason: the PostgreSQL of another home has the port.
    await assertFree(port);
    throw error;
  });
  const lock = await lockHome(server.url, directory);
  if (server.adopted) log.info('A PostgreSQL that an earlier Herald left behind was taken over.');
  // The server goes first: whoever got the lock before that would adopt a server that is about to end.
  const stop = async () => {
    await server.stop();
    await lock.stop();
  };
  return { url: server.url, stop };
}

const SERVICES = {
  template: templateService.migrations,
  configuration: configurationService.migrations,
  dispatch: dispatchService.migrations,
} as const;

/**
 * Makes the schemas and roles of all services, and brings the schemas up to date, each in its own database where the
 * environment names several. Returns the migrations of each service. It may be run again, and at once with others.
 */
export async function prepareDatabases(environment: Environment): Promise<Record<string, number>> {
  const services = Object.entries(SERVICES).map(([service, migrations]) => ({
    ...{ service, migrations, adminUrl: databaseUrlOf(service as keyof typeof SERVICES, environment) },
  }));
  const homeless = services.flatMap(({ service, adminUrl }) => (adminUrl === undefined ? [service.toUpperCase()] : []));
  if (homeless.length > 0) {
    const variables = homeless.map((service) => `HERALD_${service}_DATABASE_URL`).join(' and ');
    throw new AdviceError(`Let HERALD_DATABASE_URL, or ${variables}, name a PostgreSQL.`);
  }
  for (const { service, migrations, adminUrl = '' } of services) {
    await provision({ adminUrl, service });
    await migrate({ adminUrl, service, migrations });
  }
  return Object.fromEntries(services.map(({ service, migrations }) => [service, migrations.length]));
}

/** The same for the bus in one process, which keeps its dead letters there. */
export async function prepareBusDatabase(adminUrl: string): Promise<void> {
  await provision({ adminUrl, service: 'bus' });
  await migrate({ adminUrl, service: 'bus', migrations: busMigrations });
}
