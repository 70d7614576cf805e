/**
 * Parts of a service's first migration, in SQL. They go by the schema they run in: `dispatch` has the roles
 * herald_dispatch (owner), herald_dispatch_app and herald_dispatch_worker.
 */

/**
 * herald_org(): whose rows the running transaction may see. It raises where none is set, and after a first
 * transaction-local setting of the connection "none" is the empty text, not null. With it, what tenantTable and
 * workTable call.
 */
export const orgFunction = `
create function herald_org() returns uuid language plpgsql stable as $$
declare
  org text := current_setting('herald.org', true);
begin
  if org is null or org = '' then
    raise exception 'no organisation is set for this transaction' using errcode = 'insufficient_privilege';
  end if;
  return org::uuid;
end $$;

create function protect_tenant_table(name regclass, app text, worker text) returns void language plpgsql as $$
declare
  app_role text := 'herald_' || current_schema() || '_app';
  worker_role text := 'herald_' || current_schema() || '_worker';
begin
  execute format('alter table %s enable row level security', name);
  execute format('alter table %s force row level security', name);
  -- The sub-select is evaluated once for a statement, not for each row.
  execute format('create policy app on %s to %I using (org_id = (select herald_org())) with check (org_id = (select herald_org()))',
                 name, app_role);
  execute format('grant %s on %s to %I', app, name, app_role);
  if worker <> '' then
    execute format('create policy worker on %s to %I using (true) with check (true)', name, worker_role);
    execute format('grant %s on %s to %I', worker, name, worker_role);
  end if;
end $$;

create function open_work_table(name regclass, app text, worker text) returns void language plpgsql as $$
begin
  if app <> '' then execute format('grant %s on %s to %I', app, name, 'herald_' || current_schema() || '_app'); end if;
  if worker <> '' then execute format('grant %s on %s to %I', worker, name, 'herald_' || current_schema() || '_worker'); end if;
end $$;
`;

/** A table of organisations' rows: forced row-level security, the application's policy by herald_org(), the worker's rights as given. */
export function tenantTable(name: string, rights: { app?: string; worker?: string } = {}): string {
  return `select protect_tenant_table('${name}', '${rights.app ?? 'select, insert, update'}', '${rights.worker ?? ''}');`;
}

/** A table whose rows are work and hold no customer's data; nobody may touch it but as given. */
export function workTable(name: string, rights: { app?: string; worker?: string }): string {
  return `select open_work_table('${name}', '${rights.app ?? ''}', '${rights.worker ?? ''}');`;
}

/**
 * ensure_month_partition(parent, month): makes the partition of a table that is partitioned by range of UUIDv7, whose
 * first 48 bits are milliseconds. It runs as the owner, and nobody gets rights on the partition itself: read directly,
 * a partition would bypass its parent's policy. Attaching takes a weaker lock than making it in place.
 */
export const partitionFunction = monthFunction('create', '');

/**
 * The same function, which from then on stores a new month as the newest one is stored: a fillfactor that a migration gave
 * the months that there are is the next month's too.
 */
export const storedPartitionFunction = monthFunction(
  'create or replace',
  `
  select array_to_string(c.reloptions, ', ') into storage
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
   where i.inhparent = parent::regclass and c.reloptions is not null
   order by c.relname desc
   limit 1;
  if storage is not null then execute format('alter table %I set (%s)', name, storage); end if;`,
);

function monthFunction(create: 'create' | 'create or replace', storage: string): string {
  return `
${create} function ensure_month_partition(parent text, month timestamptz) returns void
  language plpgsql security definer set search_path from current as $$
declare
  first timestamptz := date_trunc('month', month at time zone 'UTC') at time zone 'UTC';
  past timestamptz := (date_trunc('month', month at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  name text := parent || to_char(first at time zone 'UTC', '_YYYY_MM');${storage === '' ? '' : '\n  storage text;'}
begin
  if to_regclass(name) is not null then return; end if;
  execute format('create table %I (like %I including defaults including constraints)', name, parent);
  execute format('alter table %I enable row level security', name);
  execute format('alter table %I force row level security', name);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, name,
                 lpad(to_hex(floor(extract(epoch from first) * 1000)::bigint), 12, '0') || repeat('0', 20),
                 lpad(to_hex(floor(extract(epoch from past) * 1000)::bigint), 12, '0') || repeat('0', 20));${storage}
exception
  -- Another call makes the same one at this moment; its row in the catalogue made this one wait for its commit.
  when duplicate_table or duplicate_object or unique_violation then null;
end $$;
revoke execute on function ensure_month_partition(text, timestamptz) from public;
do $$ begin
  execute format('grant execute on function ensure_month_partition(text, timestamptz) to %I',
                 'herald_' || current_schema() || '_worker');
end $$;
`;
}

/** What is to be published; see appendOutbox and outboxRelay. The application only adds to it and cannot read it. */
export const outboxTable = `
create table outbox (
  id uuid primary key,
  topic text not null,
  key text not null,
  partition int,
  type text not null,
  time timestamptz not null,
  traceparent text,
  payload bytea not null,
  leased_until timestamptz not null default '-infinity'
);
${workTable('outbox', { app: 'insert', worker: 'select, insert, update, delete' })}
`;

/** The first answer to each request id, for 30 days (AIP-155); see answerOnce. */
export const idempotencyTable = `
create table idempotency (
  org_id uuid not null,
  caller text not null,
  rpc text not null,
  request_id text not null,
  request_hash bytea not null,
  response bytea not null,
  created_at timestamptz not null,
  primary key (org_id, caller, rpc, request_id)
);
create index idempotency_by_age on idempotency (created_at);
${tenantTable('idempotency', { worker: 'select, delete' })}
`;

/**
 * What upkeep does with the partitions that ensure_month_partition makes, as the owner and for the worker alone.
 *
 * freeze_month_partition(parent, month) has updates of a month's rows pass without effect, until thaw_month_partition: so
 * that what is counted over minutes stays as it was counted. A lock would stop all updates of the table meanwhile, since a
 * plan that was made for any month locks every partition. drop_month_partition takes a month away, in the transaction
 * that keeps what is to be kept of it. Both refuse one that ended less than six weeks ago.
 *
 * Whoever waits for one of these locks makes everybody else wait behind it. So they wait 100 ms at a time, and let the
 * others pass in between.
 */
export const partitionUpkeep = `
create function skip_row() returns trigger language plpgsql as 'begin return null; end';

create function lock_patiently(name text, mode text) returns void language plpgsql as $$
begin
  perform set_config('lock_timeout', '100ms', true);
  for attempt in 1 .. 100 loop
    begin
      execute format('lock table only %I in %s mode', name, mode);
      return;
    exception when lock_not_available then
      if attempt = 100 then raise; end if;
      perform pg_sleep(0.1 + 0.4 * random());
    end;
  end loop;
end $$;

create function month_partition(parent text, month timestamptz) returns text language plpgsql as $$
begin
  if month > now() - interval '73 days' then raise exception 'a month of % is kept for six weeks at least', parent; end if;
  return parent || to_char(month at time zone 'UTC', '_YYYY_MM');
end $$;

create function freeze_month_partition(parent text, month timestamptz) returns void
  language plpgsql security definer as $$
declare
  name text := month_partition(parent, month);
begin
  perform lock_patiently(name, 'share row exclusive');
  execute format('create or replace trigger frozen before update on %I for each row execute function skip_row()', name);
end $$;

create function thaw_month_partition(parent text, month timestamptz) returns void
  language plpgsql security definer as $$
declare
  name text := month_partition(parent, month);
begin
  perform lock_patiently(name, 'access exclusive');
  execute format('drop trigger if exists frozen on %I', name);
end $$;

create function drop_month_partition(parent text, month timestamptz) returns void
  language plpgsql security definer as $$
begin
  perform lock_patiently(parent, 'access exclusive');
  execute format('drop table if exists %I', month_partition(parent, month));
end $$;

do $$
declare
  signature text;
begin
  foreach signature in array array['freeze_month_partition(text, timestamptz)', 'thaw_month_partition(text, timestamptz)',
                                   'drop_month_partition(text, timestamptz)'] loop
    execute format('alter function %s set search_path = %I, pg_temp', signature, current_schema());
    execute format('revoke execute on function %s from public', signature);
    execute format('grant execute on function %s to %I', signature, 'herald_' || current_schema() || '_worker');
  end loop;
end $$;
`;
