import { idempotencyTable, orgFunction, outboxTable, tenantTable, workTable, type Migration } from '@herald/postgres';

/**
 * What an organisation sends with. Secrets stand apart from what they belong to, sealed, so that no statement that
 * reads an account can return one.
 */
export const configuration: Migration = {
  name: '0001-configuration',
  up: `
${orgFunction}

${idempotencyTable}

-- name_key is the name folded for comparison, here and below.
create table channel_account (
  org_id uuid not null,
  id uuid not null,
  display_name text not null,
  name_key text not null,
  provider text not null check (provider in ('TWILIO')),
  provider_account_id text not null,
  api_base_url text not null,
  state text not null check (state in ('UNVALIDATED', 'VALID', 'INVALID', 'DISABLED')),
  validation_error text not null default '',
  validated_at timestamptz,
  path_segment text not null,
  credential_version int not null check (credential_version > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint channel_account_name_unique unique (org_id, name_key)
);
${tenantTable('channel_account')}

-- Each organisation's own key, wrapped by the master key, which is not in the database.
create table data_key (
  org_id uuid primary key,
  wrapped bytea not null,
  created_at timestamptz not null
);
${tenantTable('data_key', { app: 'select, insert' })}

-- Sealed with the organisation, the account and the version in the associated data: a row moved elsewhere opens no more.
-- verifies_until is set when a version is rotated out: until then it still verifies webhooks.
create table credential (
  org_id uuid not null,
  channel_account_id uuid not null,
  version int not null check (version > 0),
  sealed bytea not null,
  verifies_until timestamptz,
  created_at timestamptz not null,
  primary key (org_id, channel_account_id, version),
  foreign key (org_id, channel_account_id) references channel_account (org_id, id)
);
${tenantTable('credential', { app: 'select, insert, update, delete' })}

-- Work table: a webhook names nothing but its path, and the organisation follows from that. A path never changes hands.
create table account_path (
  segment text primary key,
  org_id uuid not null,
  channel_account_id uuid not null
);
${workTable('account_path', { app: 'select, insert' })}

create table channel (
  org_id uuid not null,
  id uuid not null,
  channel_account_id uuid not null,
  display_name text not null,
  name_key text not null,
  channel_type text not null check (channel_type in ('SMS')),
  sender text not null,
  sender_type text not null,
  segments_per_second float8 not null check (segments_per_second >= 0),
  state text not null check (state in ('UNPROVISIONED', 'PROVISIONED', 'DISABLED')),
  validation_error text not null default '',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint channel_name_unique unique (org_id, name_key),
  constraint channel_sender_unique unique (org_id, channel_account_id, sender),
  foreign key (org_id, channel_account_id) references channel_account (org_id, id)
);
${tenantTable('channel')}

create table outbound_configuration (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  name_key text not null,
  show_in_timeline boolean not null,
  channel_type text not null,
  channel_id uuid not null,
  template_id uuid not null,
  state text not null check (state in ('ACTIVE', 'INACTIVE')),
  delivery_guarantee text not null check (delivery_guarantee in ('AT_MOST_ONCE', 'AT_LEAST_ONCE')),
  purpose text not null check (purpose in ('TRANSACTIONAL', 'MARKETING')),
  valid_for_ms bigint,
  conversation_creation text not null check (conversation_creation in ('ON_REPLY', 'ON_SEND')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint outbound_configuration_name_unique unique (org_id, name_key),
  foreign key (org_id, channel_id) references channel (org_id, id)
);
${tenantTable('outbound_configuration')}

create table organization_setting (
  org_id uuid primary key,
  contacts_per_request_max int not null,
  requests_per_hour_max int not null,
  strict_2020 boolean not null,
  revision int not null,
  updated_at timestamptz not null
);
${tenantTable('organization_setting')}

${outboxTable}
`,
};
