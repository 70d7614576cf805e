import { rowLevelSecurityFaults, testDatabase, type TestDatabase } from '@herald/testing';
import { ORG, sampleMigrations, uuidAt } from '../test/sample';
import { firstIdAt, monthsOf } from './month-partitions';
import { storedPartitionFunction } from './schema';
import { execute } from './sql';

describe('schema', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await testDatabase({ service: 'sample', migrations: sampleMigrations });
  });
  afterAll(() => test.close());

  const faults = () => rowLevelSecurityFaults(test, 'sample', { workTables: ['outbox'] });

  it('S2: is found without fault, partitions included', async () => {
    expect(await faults()).toEqual([]);
  });

  it('S2: a table without row-level security is found', async () => {
    await test.asOwner('create table forgotten (org_id uuid not null, id int)');
    expect(await faults()).toEqual([
      'forgotten: row-level security is not enabled and forced',
      'forgotten: has no policy by herald_org()',
    ]);
    await test.asOwner('drop table forgotten');
  });

  it('S2: rights on a partition are found', async () => {
    await test.asOwner('grant select on note_2026_11 to herald_sample_app');
    expect(await faults()).toEqual(['note_2026_11: somebody has rights on a partition']);
    await test.asOwner('revoke select on note_2026_11 from herald_sample_app');
  });

  it('puts an id into the partition of the month it was made in, to the millisecond', async () => {
    const put = (id: string) =>
      test.database.transaction(ORG, (tx) =>
        execute(tx, 'insert into note (org_id, id, text) values ($1, $2, $3)', [ORG, id, 'x']),
      );
    // A month that is long past: what lies between now and the next months is made on the way.
    await test.asOwner(`select ensure_month_partition('note', timestamptz '2020-11-24')`);
    await put(uuidAt('2020-11-01T00:00:00.000Z'));
    await put(uuidAt('2020-11-30T23:59:59.999Z'));
    await expect(put(uuidAt('2020-12-01T00:00:00.000Z'))).rejects.toThrow('no partition');
    await expect(put(uuidAt('2020-10-31T23:59:59.999Z'))).rejects.toThrow('no partition');
  });

  it('stores a new month as the newest one is stored', async () => {
    await test.asOwner(storedPartitionFunction);
    await test.asOwner(`select ensure_month_partition('note', timestamptz '2019-05-01')`);
    await test.asOwner('alter table note_2019_05 set (fillfactor = 50)');
    await test.asOwner(`select ensure_month_partition('note', timestamptz '2019-06-01')`);
    const rows = await test.asOwner(`select reloptions from pg_class where relname = 'note_2019_06'`);
    expect(rows).toEqual([{ reloptions: ['fillfactor=50'] }]);
    expect(await faults()).toEqual([]);
  });

  it('makes a partition once, though several ask at the same time, and lets the worker do it', async () => {
    const ask = () =>
      test.database.worker((tx) => execute(tx, `select ensure_month_partition('note', timestamptz '2027-01-15')`));
    await Promise.all([ask(), ask(), ask()]);
    expect(await test.asOwner(`select relname from pg_class where relname = 'note_2027_01'`)).toHaveLength(1);
    expect(await faults()).toEqual([]);
  });

  it('takes a row of a month that nobody made a partition for: it makes it, and those to come', async () => {
    await test.asOwner(`select ensure_month_partition('note', now())`);
    await test.asOwner(
      `do $$ begin execute 'drop table note' || to_char(now() at time zone 'UTC', '_YYYY_MM'); end $$`,
    );
    const id = firstIdAt(new Date());
    await test.database.transaction(ORG, (tx) =>
      execute(tx, 'insert into note (org_id, id, text) values ($1, $2, $3)', [ORG, id, 'x']),
    );
    const months = await test.database.worker((tx) => monthsOf(tx, 'note'));
    expect(months.filter(({ end }) => end.getTime() > Date.now())).toHaveLength(3);
    expect(await faults()).toEqual([]);
  });
});
