import * as configuration from '@herald/configuration-service';
import * as dispatch from '@herald/dispatch-service';
import * as template from '@herald/template-service';
import { testDatabase, type TestDatabase } from '@herald/testing';
import type { Environment } from '@herald/service';
import { program } from './program';

const SERVICES = { template, configuration, dispatch };

describe('herald migrate', () => {
  let all: TestDatabase;
  let dispatch: TestDatabase;
  let written = { out: '', err: '' };

  beforeEach(async () => {
    written = { out: '', err: '' };
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((written.out += String(text))));
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((written.err += String(text))));
    [all, dispatch] = await Promise.all([
      testDatabase({ service: 'sample', migrations: [] }),
      testDatabase({ service: 'sample', migrations: [] }),
    ]);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    process.exitCode = undefined;
    await Promise.all([all.close(), dispatch.close()]);
  });

  const migrate = (environment: Environment) =>
    program({ environment, inherited: {}, home: '/nowhere' }).parseAsync(['node', 'herald', 'migrate', '--json']);
  const schemasIn = async (database: TestDatabase) => {
    const rows = await database.asOwner<{ name: string }>(
      `select nspname as name from pg_namespace where nspname = any ($1) order by 1`,
      [['template', 'configuration', 'dispatch']],
    );
    return rows.map(({ name }) => name);
  };

  it('makes every schema, each where its service will look for it, and says again what is there', async () => {
    const environment = { HERALD_DATABASE_URL: all.url, HERALD_DISPATCH_DATABASE_URL: dispatch.url };
    await migrate(environment);
    const first = written.out;
    await migrate(environment);
    expect(written.out).toBe(first + first);
    const migrations = Object.entries(SERVICES).map(([name, service]) => [name, service.migrations.length]);
    expect(JSON.parse(first)).toEqual({ migrations: Object.fromEntries(migrations) });
    expect(await schemasIn(all)).toEqual(['configuration', 'template']);
    expect(await schemasIn(dispatch)).toEqual(['dispatch']);
  });

  it('says which variables are to name a database where none does, and does nothing half', async () => {
    await migrate({ HERALD_DISPATCH_DATABASE_URL: dispatch.url });
    expect(written.err).toContain(
      'Let HERALD_DATABASE_URL, or HERALD_TEMPLATE_DATABASE_URL and HERALD_CONFIGURATION_DATABASE_URL, name a PostgreSQL.',
    );
    expect(process.exitCode).toBe(1);
    expect(await schemasIn(dispatch)).toEqual([]);
  });
});
