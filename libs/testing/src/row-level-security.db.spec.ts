import { orgFunction, partitionFunction, tenantTable, workTable, type Migration } from '@herald/postgres';
import { testDatabase, type TestDatabase } from './postgres';
import { rowLevelSecurityFaults } from './row-level-security';

/** A service of its own, for roles belong to the whole server. */
const SERVICE = 'guarded';
const migrations: readonly Migration[] = [
  {
    name: '0001-guarded',
    up: `
${orgFunction}
${partitionFunction}
create table parcel (org_id uuid not null, id int not null, label text not null);
${tenantTable('parcel', { worker: 'select, update' })}
create table note (org_id uuid not null, id uuid not null) partition by range (id);
${tenantTable('note')}
select ensure_month_partition('note', timestamptz '2026-11-24');
create table path (segment text not null, org_id uuid not null);
${workTable('path', { app: 'select, insert', worker: 'select' })}
create view label with (security_invoker = true) as select label from parcel;
grant select on label to herald_guarded_app;
`,
  },
];

describe('rowLevelSecurityFaults', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await testDatabase({ service: SERVICE, migrations });
  });
  afterAll(() => test.close());

  const faults = () => rowLevelSecurityFaults(test, SERVICE, { workTables: ['path'] });

  it('finds no fault in a schema without one', async () => {
    expect(await faults()).toEqual([]);
  });

  it.each<[string, { done: string; undone: string; found: string[] }]>([
    [
      'a table on which row-level security is not forced: its owner sees all',
      {
        done: 'alter table parcel no force row level security',
        undone: 'alter table parcel force row level security',
        found: ['parcel: row-level security is not enabled and forced'],
      },
    ],
    [
      'a table on which row-level security is not enabled',
      {
        done: 'alter table parcel disable row level security',
        undone: 'alter table parcel enable row level security',
        found: ['parcel: row-level security is not enabled and forced'],
      },
    ],
    [
      'a partition on which row-level security is not forced',
      {
        done: 'alter table note_2026_11 no force row level security',
        undone: 'alter table note_2026_11 force row level security',
        found: ['note_2026_11: row-level security is not enabled and forced'],
      },
    ],
    [
      'a table without a policy',
      {
        done: 'drop policy app on parcel',
        undone: `create policy app on parcel to herald_guarded_app
                 using (org_id = (select herald_org())) with check (org_id = (select herald_org()))`,
        found: ['parcel: has no policy by herald_org()'],
      },
    ],
    [
      'a policy that shows all organisations',
      {
        done: 'alter policy app on parcel using (true)',
        undone: 'alter policy app on parcel using (org_id = (select herald_org()))',
        found: ['parcel: has no policy by herald_org()', 'parcel: the policy app is not bound by herald_org()'],
      },
    ],
    [
      'a policy that mentions the organisation and asks nothing of it',
      {
        done: 'alter policy app on parcel using (org_id = (select herald_org()) or id > 0)',
        undone: 'alter policy app on parcel using (org_id = (select herald_org()))',
        found: ['parcel: has no policy by herald_org()', 'parcel: the policy app is not bound by herald_org()'],
      },
    ],
    [
      'a policy that lets rows of other organisations be written',
      {
        done: 'alter policy app on parcel with check (true)',
        undone: 'alter policy app on parcel with check (org_id = (select herald_org()))',
        found: ['parcel: has no policy by herald_org()', 'parcel: the policy app is not bound by herald_org()'],
      },
    ],
    [
      'a second policy that undoes the first',
      {
        done: 'create policy support on parcel for select to herald_guarded_app using (true)',
        undone: 'drop policy support on parcel',
        found: ['parcel: the policy support is not bound by herald_org()'],
      },
    ],
    [
      "the worker's policy opened to everybody",
      {
        done: 'alter policy worker on parcel to public',
        undone: 'alter policy worker on parcel to herald_guarded_worker',
        found: ['parcel: the policy worker is not bound by herald_org()'],
      },
    ],
    [
      'rights of everybody',
      {
        done: 'grant select on parcel to public',
        undone: 'revoke select on parcel from public',
        found: ['parcel: everybody has the right SELECT'],
      },
    ],
    [
      'a right that no policy binds',
      {
        done: 'grant truncate on parcel to herald_guarded_app',
        undone: 'revoke truncate on parcel from herald_guarded_app',
        found: ['parcel: herald_guarded_app has TRUNCATE, which no policy binds'],
      },
    ],
    [
      'rights on a column of a partition',
      {
        done: 'grant select (id) on note_2026_11 to herald_guarded_worker',
        undone: 'revoke select (id) on note_2026_11 from herald_guarded_worker',
        found: ['note_2026_11: somebody has rights on a partition'],
      },
    ],
    [
      'a policy of a partition',
      {
        done: 'create policy own on note_2026_11 to herald_guarded_app using (org_id = (select herald_org()))',
        undone: 'drop policy own on note_2026_11',
        found: ['note_2026_11: a partition has a policy of its own'],
      },
    ],
    [
      'rights of everybody on a work table',
      {
        done: 'grant select on path to public',
        undone: 'revoke select on path from public',
        found: ['path: everybody has the right SELECT'],
      },
    ],
    [
      'rights on the record of migrations',
      {
        done: 'grant update on migration to herald_guarded_app',
        undone: 'revoke update on migration from herald_guarded_app',
        found: ['migration: herald_guarded_app has the right UPDATE'],
      },
    ],
    [
      'a table of nobody',
      {
        done: 'create table forgotten (id int)',
        undone: 'drop table forgotten',
        found: [
          'forgotten: row-level security is not enabled and forced',
          'forgotten: has no org_id and is not among the work tables',
          'forgotten: has no policy by herald_org()',
        ],
      },
    ],
    [
      "a view by its owner's rights",
      {
        done: 'alter view label reset (security_invoker)',
        undone: 'alter view label set (security_invoker = true)',
        found: ["label: is a view by its owner's rights"],
      },
    ],
    [
      'a materialized view',
      {
        done: 'create materialized view copy as select label from parcel',
        undone: 'drop materialized view copy',
        found: ['copy: is a materialized view, which has no row-level security'],
      },
    ],
    [
      'a role that row-level security does not bind',
      {
        done: 'alter role herald_guarded_app bypassrls',
        undone: 'alter role herald_guarded_app nobypassrls',
        found: ['herald_guarded_app: is not bound by row-level security'],
      },
    ],
    [
      "a role with another's rights",
      {
        done: 'grant herald_guarded_worker to herald_guarded_app',
        undone: 'revoke herald_guarded_worker from herald_guarded_app',
        found: ['herald_guarded_app: has the rights of herald_guarded_worker too'],
      },
    ],
  ])('finds %s', async (_fault, { done, undone, found }) => {
    await test.asOwner(done);
    try {
      expect(await faults()).toEqual(found);
    } finally {
      await test.asOwner(undone);
    }
    expect(await faults()).toEqual([]);
  });

  it('finds a work table that is none', async () => {
    const found = await rowLevelSecurityFaults(test, SERVICE, { workTables: ['path', 'outbox'] });
    expect(found).toEqual(['outbox: is said to be a work table and does not exist']);
  });
});
