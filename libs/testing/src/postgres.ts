/* eslint-disable herald/sql-text -- names of databases cannot be parameters, and are made here */
import { createHash, randomBytes } from 'node:crypto';
import { migrate, openDatabase, provision, startLocalServer, type Database, type Migration } from '@herald/postgres';
import { freePort } from '@herald/ports';
import { Client } from 'pg';
import { oncePerRun } from './once-per-run';
import { localServerDirectory, TEST_SETTINGS } from './test-run';

/** The environment variable that names a server to test on, with a role that may make databases and roles. */
const SERVER_VARIABLE = 'HERALD_TEST_DATABASE_URL';
const START_TIMEOUT_MS = 120_000;
const IMAGE = 'postgres:18';

/**
 * The PostgreSQL server of this test run: the one the environment names, else a container where there is a container
 * runtime, else the one npm brought. The first spec that asks starts it, the others share it, the end of the run
 * stops it. Returns the connection string of its superuser.
 */
async function startPostgres(): Promise<string> {
  const named = process.env[SERVER_VARIABLE];
  if (named !== undefined && named !== '') return named;
  return oncePerRun('postgres', START_TIMEOUT_MS, startServer);
}

async function startServer(run: string): Promise<string> {
  // Loaded when asked for: it takes a second, and most specs never come here.
  const { getContainerRuntimeClient } = await import('testcontainers');
  const hasContainers = await getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  if (!hasContainers) {
    const options = { directory: localServerDirectory(run), port: await freePort(), settings: TEST_SETTINGS };
    return (await startLocalServer(options)).url;
  }
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const flags = Object.entries(TEST_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // Nobody stops it by name: the runtime's reaper removes it when this run is over.
  const container = await new PostgreSqlContainer(IMAGE).withCommand(['postgres', ...flags]).start();
  return container.getConnectionUri();
}

/** A database of one spec file, migrated and empty. */
export interface TestDatabase {
  /** Opened as the service opens it. */
  database: Database;
  /** Connection string of a superuser, for what starts a whole service. */
  url: string;
  /** Runs SQL as the superuser in the service's schema: past row-level security, and returning what it finds. */
  asOwner<Row = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/**
 * A fresh database for one spec file. A template is migrated once for each state of the migrations and cloned from then
 * on, which takes a tenth of a second.
 */
export async function testDatabase(options: {
  service: string;
  migrations: readonly Migration[];
  poolMax?: number;
  workerPoolMax?: number;
}): Promise<TestDatabase> {
  const { service, migrations } = options;
  const serverUrl = await startPostgres();
  const name = `spec_${randomBytes(6).toString('hex')}`;
  const admin = new Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    const template = await templateDatabase(admin, serverUrl, service, migrations);
    await admin.query(`create database ${name} template ${template}`);
  } finally {
    await admin.end();
  }
  const url = withDatabase(serverUrl, name);
  const database = await openDatabase({
    ...{ url, service },
    poolMax: options.poolMax ?? 10,
    workerPoolMax: options.workerPoolMax ?? 5,
  });
  const owner = new Client({ connectionString: url, options: `-c search_path=${service}` });
  await owner.connect();
  return {
    database,
    url,
    asOwner: async <Row>(text: string, params: readonly unknown[] = []) => {
      const result = await owner.query(text, params.length === 0 ? undefined : [...params]);
      return result.rows as Row[];
    },
    close: async () => {
      await database.close();
      await owner.end();
      await dropDatabase(serverUrl, name);
    },
  };
}

async function templateDatabase(
  admin: Client,
  serverUrl: string,
  service: string,
  migrations: readonly Migration[],
): Promise<string> {
  const fingerprint = createHash('sha256').update(JSON.stringify(migrations)).digest('hex').slice(0, 12);
  const template = `template_${service}_${fingerprint}`;
  await admin.query(`select pg_advisory_lock(hashtext($1))`, [template]);
  const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [template]);
  if (rowCount === 0) {
    const making = `making_${randomBytes(6).toString('hex')}`;
    await admin.query(`create database ${making}`);
    const adminUrl = withDatabase(serverUrl, making);
    await provision({ adminUrl, service });
    await migrate({ adminUrl, service, migrations });
    // Under its final name a template is whole, whatever died on the way.
    await admin.query(`alter database ${making} rename to ${template}`);
  }
  await admin.query(`select pg_advisory_unlock(hashtext($1))`, [template]);
  return template;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  const admin = new Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await admin.query(`drop database if exists ${name} with (force)`);
  } finally {
    await admin.end();
  }
}
