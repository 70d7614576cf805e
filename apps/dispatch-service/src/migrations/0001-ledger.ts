import {
  idempotencyTable,
  orgFunction,
  outboxTable,
  partitionFunction,
  tenantTable,
  workTable,
  type Migration,
} from '@herald/postgres';

/**
 * The ledger: requests, their messages, the batches and slices that move them, and the quota.
 *
 * A message's state is derived, never stored twice: `message_state` is the only place that derives it. Until a message
 * has an outcome its state follows from its position in its batch, so that a claim writes two rows and not a hundred.
 *
 * `ledger_now()` is the ledger's only clock. It stands in a function so that a spec can give its own database another
 * clock; nothing in the product replaces it.
 */
export const ledger: Migration = {
  name: '0001-ledger',
  up: `
${orgFunction}
${partitionFunction}

create function ledger_now() returns timestamptz language sql volatile as 'select clock_timestamp()';

${idempotencyTable}

create table outbound_request (
  org_id uuid not null,
  id uuid not null,
  request_id text not null,
  caller text not null,
  configuration_id uuid not null,
  template_id uuid not null,
  template_version int not null,
  channel_id uuid not null,
  channel_account_id uuid not null,
  channel_type text not null,
  show_in_timeline boolean not null,
  delivery_guarantee text not null check (delivery_guarantee in ('AT_MOST_ONCE', 'AT_LEAST_ONCE')),
  purpose text not null check (purpose in ('TRANSACTIONAL', 'MARKETING')),
  contacts int not null check (contacts > 0),
  refused int not null check (refused >= 0),
  refused_by_reason jsonb not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (org_id, id)
);
${tenantTable('outbound_request', { worker: 'select' })}

-- Messages of one sender, priority, guarantee and ready_at. A claim moves claimed_to forward under this row's lock,
-- which alone makes a send happen at most once: each position is passed once. first_id and last_id bound the ids of
-- the messages, so that the look-up of a slice touches one or two partitions of message.
create table batch (
  org_id uuid not null,
  id uuid not null,
  shard smallint not null,
  channel_id uuid not null,
  channel_account_id uuid not null,
  priority smallint not null,
  delivery_guarantee text not null,
  ready_at timestamptz not null,
  expires_at timestamptz not null,
  size int not null check (size > 0),
  claimed_to int not null default 0 check (claimed_to between 0 and size),
  cancelled_at timestamptz,
  first_id uuid not null,
  last_id uuid not null,
  traceparent text,
  created_at timestamptz not null,
  primary key (org_id, id)
);
-- The sweeper's question: what of my shards is open and ready? A closed batch leaves the index.
create index batch_open on batch (shard, ready_at) where claimed_to < size and cancelled_at is null;
${tenantTable('batch', { worker: 'select, insert, update' })}

-- One row per contact that was not refused. position counts from 1 within the batch.
-- rank is the merged evidence about the newest attempt and only grows: 1 unknown, 2 failed because unknown,
-- 10-40 sent, 50-60 failed, 61 undelivered, 70-80 delivered, 90 read (the provider's words, libs/channels).
-- best is the best proof of delivery over all attempts (80 or 90), 0 without one.
create table message (
  org_id uuid not null,
  id uuid not null,
  outbound_request_id uuid not null,
  contact_index smallint not null,
  client_reference text,
  language text,
  segments smallint not null default 0,
  skip_reason text,
  batch_id uuid,
  position int,
  attempt smallint not null default 1,
  rank smallint,
  best smallint not null default 0,
  expired_at timestamptz,
  reason text,
  provider_code text,
  provider_id text,
  outcome_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  check (skip_reason is null or batch_id is null),
  check (skip_reason is not null or (batch_id is not null and position is not null))
) partition by range (id);
create index message_by_batch on message (org_id, batch_id, position) where batch_id is not null;
create index message_by_request on message (org_id, outbound_request_id, contact_index);
${tenantTable('message', { worker: 'select, update' })}

-- What personal data there is stands here, apart from states, so that it can be erased and states stay narrow.
create table message_body (
  org_id uuid not null,
  id uuid not null,
  to_address text not null,
  body text not null,
  primary key (org_id, id)
) partition by range (id);
${tenantTable('message_body', { worker: 'select' })}

-- Joins a provider's id to the message. A callback that carries no ids of ours and the record of the send come in
-- either order: both upsert, and whoever comes second joins. Never dropped before the message is.
create table provider_ref (
  org_id uuid not null,
  channel_account_id uuid not null,
  provider_id text not null,
  message_id uuid,
  attempt smallint,
  rank smallint,
  provider_code text,
  created_at timestamptz not null,
  primary key (org_id, channel_account_id, provider_id)
);
${tenantTable('provider_ref', { worker: 'select, insert, update' })}

-- Until when a sender's segments are paid for; written by the claim, so that a new owner starts without credit.
create table sender (
  org_id uuid not null,
  channel_id uuid not null,
  paid_until timestamptz not null,
  primary key (org_id, channel_id)
);
${tenantTable('sender', { worker: 'select, insert, update' })}

-- The rolling hour of accepted requests (design: quota). seq never goes back; entries are kept two hours.
create table quota_head (
  org_id uuid primary key,
  seq bigint not null,
  last_at timestamptz not null
);
${tenantTable('quota_head', { worker: 'select' })}
create table quota_entry (
  org_id uuid not null,
  seq bigint not null,
  accepted_at timestamptz not null,
  primary key (org_id, seq)
);
create index quota_entry_by_age on quota_entry (accepted_at);
${tenantTable('quota_entry', { worker: 'select, delete' })}

-- Work tables: they hold no customer's data, and their keys follow the work and not the organisation.
-- A shard's owner, by the database's clock.
create table lease (
  shard smallint primary key,
  owner text not null,
  epoch bigint not null,
  until timestamptz not null
);
${workTable('lease', { worker: 'select, insert, update' })}

-- Positions lo..hi of a batch that were claimed and have no outcome yet. Deleted when all have one; what a dead owner
-- leaves is resolved after send_before + request time-out + grace.
create table slice (
  shard smallint not null,
  org_id uuid not null,
  batch_id uuid not null,
  lo int not null,
  hi int not null check (hi >= lo),
  epoch bigint not null,
  claimed_at timestamptz not null,
  send_before timestamptz not null,
  primary key (org_id, batch_id, lo)
);
create index slice_by_shard on slice (shard, send_before);
${tenantTable('slice', { worker: 'select, insert, delete' })}

${outboxTable}

-- The one place where a message's state is derived.
create view message_state with (security_invoker = true) as
select m.org_id, m.id, m.outbound_request_id, m.contact_index, m.batch_id, m.position, m.attempt, m.version,
       case
         when m.skip_reason is not null then 'SKIPPED'
         when m.best >= 90 then 'READ'
         when m.best >= 70 then 'DELIVERED'
         when m.expired_at is not null then 'EXPIRED'
         when m.rank is null and m.position <= b.claimed_to then 'SENDING'
         when m.rank is null and b.cancelled_at is not null then 'CANCELLED'
         when m.rank is null then 'QUEUED'
         when m.rank = 1 then 'UNKNOWN'
         when m.rank = 2 then 'FAILED'
         when m.rank < 50 then 'SENT'
         when m.rank <= 60 then 'FAILED'
         when m.rank = 61 then 'UNDELIVERED'
         when m.rank < 90 then 'DELIVERED'
         else 'READ'
       end as state,
       coalesce(m.skip_reason, m.reason) as reason
  from message m
  left join batch b on b.org_id = m.org_id and b.id = m.batch_id;
grant select on message_state to herald_dispatch_app, herald_dispatch_worker;

select ensure_month_partition('message', m), ensure_month_partition('message_body', m)
  from generate_series(date_trunc('month', now()), date_trunc('month', now()) + interval '2 months', interval '1 month') m;
`,
};
