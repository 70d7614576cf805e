import { tenantTable, type Migration } from '@herald/postgres';

/**
 * Where a sender's batches go, and what an account has used of what it may send.
 *
 * A sender's shard is empty until its next batch is accepted: until then it is the organisation's. Buckets of an
 * account's hours are few: each counts for a day and is then removed.
 */
export const shardingAndCaps: Migration = {
  name: '0009-sharding-and-caps',
  up: `
alter table sender add column shard smallint;

-- Until when an account's segments are paid for, over all its senders; its lock makes their claims take turns.
create table account_pace (
  org_id uuid not null,
  channel_account_id uuid not null,
  paid_until timestamptz not null,
  primary key (org_id, channel_account_id)
);
${tenantTable('account_pace', { app: 'select', worker: 'select, insert, update' })}

-- How many messages of an account were claimed in each hour.
create table account_hour (
  org_id uuid not null,
  channel_account_id uuid not null,
  hour timestamptz not null,
  messages int not null check (messages > 0),
  primary key (org_id, channel_account_id, hour)
);
create index account_hour_by_age on account_hour (hour);
${tenantTable('account_hour', { app: 'select', worker: 'select, insert, update, delete' })}
`,
};
