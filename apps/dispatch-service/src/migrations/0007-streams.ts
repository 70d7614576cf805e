import { tenantTable, type Migration } from '@herald/postgres';

/**
 * Streams of contacts: how far each was accepted, and which addresses it has seen.
 *
 * An address is kept as a hash under a salt of its stream, for as long as the stream may go on: of a stream that is closed
 * or given up, housekeeping removes them. The primary key answers the one question that is asked of them.
 */
export const streams: Migration = {
  name: '0007-streams',
  up: `
create table outbound_stream (
  org_id uuid not null,
  caller text not null,
  stream_id uuid not null,
  id uuid not null,
  opening_hash bytea not null,
  -- Contacts of each of its requests but the last. It stands here because a setting that changes must move no border.
  request_size smallint not null check (request_size > 0),
  contacts int not null default 0 check (contacts >= 0),
  salt bytea not null,
  has_addresses boolean not null default true,
  closed_at timestamptz,
  created_at timestamptz not null,
  primary key (org_id, caller, stream_id),
  check (closed_at is not null or contacts % request_size = 0)
);
create index outbound_stream_by_age on outbound_stream (created_at);
create index outbound_stream_closed on outbound_stream (closed_at) where has_addresses and closed_at is not null;
${tenantTable('outbound_stream', { worker: 'select, update, delete' })}

create table outbound_stream_address (
  org_id uuid not null,
  outbound_stream_id uuid not null,
  address_hash bytea not null,
  opted_out boolean not null,
  primary key (org_id, outbound_stream_id, address_hash)
);
${tenantTable('outbound_stream_address', { worker: 'select, delete' })}
`,
};
