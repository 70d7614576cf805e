import { tenantTable, type Migration } from '@herald/postgres';

/**
 * Outcomes that somebody must ask for, and the history of each message.
 *
 * The timer stands on the batch and not on its messages: most of them need none, and a column that changes with each
 * outcome would cost every send an entry of an index.
 */
export const outcomes: Migration = {
  name: '0004-outcomes',
  up: `
-- When somebody must look after this batch's messages, null when nobody must; and up to when that was done. Batches
-- older than the column are looked after once: some may hold what is unknown or stands still.
alter table batch add column check_at timestamptz default now(), add column checked_at timestamptz;
alter table batch alter column check_at drop default;
create index batch_check on batch (shard, check_at) where check_at is not null;

-- One row for each change of what is known of a message, and for each word that contradicts it. That it was accepted or
-- cancelled stands elsewhere and is not here again. The key leads from a message to its steps and is the only index that
-- every row has, because the steps are as many as the outcomes and are written with them.
create table message_step (
  org_id uuid not null,
  message_id uuid not null,
  id uuid not null,
  attempt smallint not null,
  at timestamptz not null,
  state text not null,
  rank smallint,
  reason text,
  provider_code text,
  provider_id text,
  source text not null check (source in ('SEND', 'CALLBACK', 'LOOK_UP', 'RECOVERY', 'TIME', 'OPERATOR')),
  said_by text,
  evidence text,
  contradicts boolean not null default false,
  primary key (org_id, message_id, id)
) partition by range (id);
-- Which other messages were unknown at a time: two with one text to one number cannot be told apart at the provider.
create index message_step_unknown on message_step (org_id, at) where rank = 1;
${tenantTable('message_step', { app: 'select, insert', worker: 'select, insert' })}
select ensure_month_partition('message_step', m)
  from generate_series(date_trunc('month', now()), date_trunc('month', now()) + interval '2 months', interval '1 month') m;

-- As before, with the ranks of what an operator says: 3 sent, 4 failed, 5 delivered.
create or replace view message_state with (security_invoker = true) as
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
         when m.rank in (2, 4) then 'FAILED'
         when m.rank = 5 then 'DELIVERED'
         when m.rank < 50 then 'SENT'
         when m.rank <= 60 then 'FAILED'
         when m.rank = 61 then 'UNDELIVERED'
         when m.rank < 90 then 'DELIVERED'
         else 'READ'
       end as state,
       coalesce(m.skip_reason, m.reason) as reason
  from message m
  left join batch b on b.org_id = m.org_id and b.id = m.batch_id;
`,
};
