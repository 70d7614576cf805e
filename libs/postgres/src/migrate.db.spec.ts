import { eventually, testDatabase, type TestDatabase } from '@herald/testing';
import { ORG, sampleMigrations } from '../test/sample';
import { openDatabase } from './database';
import { migrate, type Migration } from './migrate';
import { provision } from './provision';

describe('migrate', () => {
  let test: TestDatabase;

  beforeEach(async () => {
    test = await testDatabase({ service: 'sample', migrations: sampleMigrations });
  });
  afterEach(() => test.close());

  const second: Migration = {
    name: '0002-shelf',
    up: 'create table shelf (id int primary key); insert into shelf values (1)',
  };
  const run = (migrations: readonly Migration[]) => migrate({ adminUrl: test.url, service: 'sample', migrations });

  it('applies what is new, once, though several start at the same time', async () => {
    const all = [...sampleMigrations, second];
    await Promise.all([run(all), run(all), run(all)]);
    expect(await test.asOwner('select id from shelf')).toEqual([{ id: 1 }]);
    expect(await test.asOwner('select name from migration order by name')).toEqual([
      { name: '0001-sample' },
      { name: '0002-shelf' },
    ]);
  });

  it('leaves nothing of a migration that fails', async () => {
    const broken = { name: '0002-broken', up: 'create table half (id int); select 1 / 0' };
    await expect(run([...sampleMigrations, broken])).rejects.toThrow('division by zero');
    expect(await test.asOwner(`select to_regclass('half') as half`)).toEqual([{ half: null }]);
    await run([...sampleMigrations, second]);
  });

  it('tells of the connection that was cut beneath a migration', async () => {
    const cut = { name: '0002-cut', up: 'reset role; select pg_terminate_backend(pg_backend_pid())' };
    await expect(run([...sampleMigrations, cut])).rejects.toThrow('terminating connection');
    await run([...sampleMigrations, second]);
  });

  it('refuses a migration that was changed after it was applied', async () => {
    const changed = sampleMigrations.map((migration) => ({ ...migration, up: `${migration.up} ` }));
    await expect(run(changed)).rejects.toThrow('0001-sample was applied with other SQL');
  });

  it('refuses a schema that is newer than the code', async () => {
    await run([...sampleMigrations, second]);
    await expect(run(sampleMigrations)).rejects.toThrow('0002-shelf, which this version does not know');
  });

  it('lets a service start on a schema that is newer, and on none that is older', async () => {
    const open = (migrations: readonly Migration[]) =>
      openDatabase({ url: test.url, service: 'sample', poolMax: 1, workerPoolMax: 1, migrations });
    await expect(open([...sampleMigrations, second])).rejects.toThrow('The schema lacks 0002-shelf.');
    await run([...sampleMigrations, second]);
    const database = await open(sampleMigrations);
    await database.close();
  });

  it('owns what it makes, and not as a superuser', async () => {
    const owners = await test.asOwner(`select distinct tableowner as owner from pg_tables where schemaname = 'sample'`);
    expect(owners).toEqual([{ owner: 'herald_sample' }]);
    const roles = await test.asOwner(
      `select rolname as name from pg_roles where rolname like 'herald_sample%' and (rolsuper or rolbypassrls or rolcanlogin)`,
    );
    expect(roles).toEqual([]);
  });

  it('provision may be run again and at the same time', async () => {
    const again = () => provision({ adminUrl: test.url, service: 'sample' });
    await Promise.all([again(), again(), again()]);
    await test.database.read(ORG, () => Promise.resolve());
  });

  it('provision goes through while another makes the same schema', async () => {
    await test.asOwner('drop schema sample cascade');
    await test.asOwner('begin');
    await test.asOwner('create schema sample authorization herald_sample');
    const second = provision({ adminUrl: test.url, service: 'sample' });
    await eventually(async () => {
      await test.asOwner('select pg_stat_clear_snapshot()');
      const waiting = await test.asOwner(
        `select pid from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like 'create schema%'`,
      );
      expect(waiting).toHaveLength(1);
    });
    await test.asOwner('commit');
    await second;
  });
});
