import { tenantTable, type Migration } from '@herald/postgres';

/**
 * What stops messages and what orders them: holds, cancelled requests, and replies, which are requests of their own kind.
 *
 * A batch knows its request and its configuration, so that a claim finds the holds on it by one look-up. Those that may
 * still be claimed or tried again learn it here; what was sent to its end long ago is asked for no more.
 */
export const control: Migration = {
  name: '0003-control',
  up: `
-- What is held stays queued. A hold in force has no released_at; ids are unique over all kinds, so that one look-up by
-- subject finds the holds of a batch's request, configuration, channel and organisation (whose subject is its own id).
create table hold (
  org_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('REQUEST', 'OUTBOUND_CONFIGURATION', 'CHANNEL', 'ORGANIZATION')),
  subject_id uuid not null,
  note text not null,
  created_by text not null,
  created_at timestamptz not null,
  released_at timestamptz,
  primary key (org_id, id)
);
create unique index hold_in_force on hold (org_id, subject_id) where released_at is null;
${tenantTable('hold', { worker: 'select' })}

-- A reply is sent with no configuration and from no template.
alter table outbound_request
  alter column configuration_id drop not null,
  alter column template_id drop not null,
  alter column template_version drop not null,
  add column cancelled_at timestamptz,
  add check ((configuration_id is null) = (template_id is null) and (template_id is null) = (template_version is null));
-- The list of requests leaves replies out, however many there are.
create index outbound_request_listed on outbound_request (org_id, id) where configuration_id is not null;

-- sequence_key names the conversation of a reply, and sequence_at its place there, which each new attempt keeps.
-- The nil uuid stands for no configuration: the lanes of an index have no place for null.
alter table batch
  add column outbound_request_id uuid,
  add column configuration_id uuid not null default '00000000-0000-0000-0000-000000000000',
  add column sequence_key uuid,
  add column sequence_at timestamptz,
  add check ((sequence_key is null) = (sequence_at is null));
create index batch_by_request on batch (org_id, outbound_request_id);
create index batch_sequence on batch (org_id, sequence_key, sequence_at, first_id) where sequence_key is not null;

-- The owner is no role of any policy; these tables are locked by the statements above until the commit.
alter table outbound_request no force row level security;
alter table batch no force row level security;
alter table message no force row level security;
alter table slice no force row level security;
update batch
   set outbound_request_id = request.id, configuration_id = request.configuration_id
  from message m
  join outbound_request request on request.org_id = m.org_id and request.id = m.outbound_request_id
 where m.org_id = batch.org_id and m.id = batch.first_id
   and ((batch.claimed_to < batch.size and batch.cancelled_at is null)
        or exists (select 1 from slice where slice.org_id = batch.org_id and slice.batch_id = batch.id));
alter table outbound_request force row level security;
alter table batch force row level security;
alter table message force row level security;
alter table slice force row level security;
`,
};
