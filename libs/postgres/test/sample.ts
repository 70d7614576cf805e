import { idempotencyTable, orgFunction, outboxTable, partitionFunction, tenantTable, type Migration } from '../src';

/** Two organisations of a sample schema. */
export const ORG = '0190a000-0000-7000-8000-000000000001';
export const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';

/** The first UUIDv7 of a millisecond. */
export function uuidAt(iso: string): string {
  const hex = Date.parse(iso).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** A schema with one of everything the kit offers. */
export const sampleMigrations: readonly Migration[] = [
  {
    name: '0001-sample',
    up: `
${orgFunction}
${partitionFunction}
create table parcel (org_id uuid not null, id int not null, label text not null, primary key (org_id, id));
${tenantTable('parcel', { worker: 'select, update' })}
create table note (org_id uuid not null, id uuid not null, text text not null, primary key (org_id, id)) partition by range (id);
${tenantTable('note', { worker: 'select' })}
select ensure_month_partition('note', timestamptz '2026-11-24');
${idempotencyTable}
${outboxTable}
`,
  },
];
