import { tenantTable } from '../schema';

/**
 * The audit log of a service, for a migration that follows the one with orgFunction. append_audit() is the only way in:
 * `_app` may call it and read, `_worker` may nothing, and nobody but the owner may insert, change or delete.
 *
 * It runs as the owner, whom forced row-level security binds too, so that the owner has a policy here as nowhere else. The
 * organisation is that of the transaction and never an argument. pg_temp stands last in its search path: left out it
 * would stand first, and a caller's temporary table could pass for the log.
 */
export const auditTables = `
-- hash is SHA-256 of all other columns, prev_hash among them; README of libs/postgres has the form. before and after are
-- json and not jsonb, which would not keep the text that was hashed. at never goes back along seq.
create table audit_entry (
  org_id uuid not null,
  seq bigint not null check (seq > 0),
  at timestamptz not null,
  caller_kind text not null check (caller_kind in ('USER', 'SERVICE')),
  caller text not null,
  rpc text not null,
  subject_kind text not null,
  subject_id text not null,
  request_id text,
  before json,
  after json,
  trace_id text,
  prev_hash bytea not null,
  hash bytea not null,
  primary key (org_id, seq)
);
-- What happened to this? And from when on? Both answer with the newest first.
create index audit_entry_by_subject on audit_entry (org_id, subject_id, seq);
create index audit_entry_by_time on audit_entry (org_id, at, seq);
${tenantTable('audit_entry', { app: 'select' })}

-- The end of each organisation's chain; its row lock is what makes appends follow one another. prev_hash is what an
-- append found, for the entry it inserts.
create table audit_head (
  org_id uuid primary key,
  seq bigint not null,
  last_at timestamptz not null,
  prev_hash bytea not null,
  hash bytea not null
);
${tenantTable('audit_head', { app: 'select' })}

-- A column in the form that is hashed. It is plain enough to be made part of the statement that calls it.
create function audit_field(value text) returns text language sql immutable as
  $$ select coalesce(octet_length(value)::text || ':' || value, '-') $$;

-- One statement moves the head and inserts the entry; with a look at the head before, and a statement each, it took
-- half as long again. Only before an organisation's first entry is there no head.
create function append_audit(caller_kind text, caller text, rpc text, subject_kind text, subject_id text,
                             request_id text, before text, after text, trace_id text) returns void
  language plpgsql security definer as $$
#variable_conflict use_variable
declare
  org uuid := herald_org();
  moment timestamptz := date_trunc('milliseconds', clock_timestamp());
  fields text := audit_field(caller_kind) || ',' || audit_field(caller) || ',' || audit_field(rpc) || ','
    || audit_field(subject_kind) || ',' || audit_field(subject_id) || ',' || audit_field(request_id) || ','
    || audit_field(before) || ',' || audit_field(after) || ',' || audit_field(trace_id);
begin
  loop
    with moved as (
      update audit_head h
         set seq = h.seq + 1, last_at = greatest(h.last_at, moment), prev_hash = h.hash,
             hash = sha256(convert_to(
               audit_field(org::text) || ',' || audit_field((h.seq + 1)::text) || ','
               || audit_field((extract(epoch from greatest(h.last_at, moment)) * 1000)::bigint::text) || ','
               || fields || ',' || audit_field(encode(h.hash, 'hex')), 'UTF8'))
       where h.org_id = org
      returning h.seq, h.last_at, h.prev_hash, h.hash)
    insert into audit_entry (org_id, seq, at, caller_kind, caller, rpc, subject_kind, subject_id, request_id, before,
                             after, trace_id, prev_hash, hash)
      select org, moved.seq, moved.last_at, caller_kind, caller, rpc, subject_kind, subject_id, request_id,
             before::json, after::json, trace_id, moved.prev_hash, moved.hash
        from moved;
    exit when found;
    insert into audit_head (org_id, seq, last_at, prev_hash, hash)
      values (org, 0, '-infinity', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))
      on conflict (org_id) do nothing;
  end loop;
end $$;

do $$
declare
  owner text := 'herald_' || current_schema();
  signature text := 'append_audit(text, text, text, text, text, text, text, text, text)';
begin
  execute format('create policy owner on audit_entry to %I using (org_id = (select herald_org()))', owner);
  execute format('create policy owner on audit_head to %I using (org_id = (select herald_org()))', owner);
  execute format('alter function %s set search_path = %I, pg_temp', signature, current_schema());
  execute format('revoke execute on function %s from public', signature);
  execute format('grant execute on function %s to %I', signature, owner || '_app');
end $$;
`;
