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

-- The end of each organisation's chain; its row lock is what makes appends follow one another.
create table audit_head (
  org_id uuid primary key,
  seq bigint not null,
  last_at timestamptz not null,
  hash bytea not null
);
${tenantTable('audit_head', { app: 'select' })}

create function append_audit(caller_kind text, caller text, rpc text, subject_kind text, subject_id text,
                             request_id text, before text, after text, trace_id text) returns void
  language plpgsql security definer as $$
declare
  org uuid := herald_org();
  head record;
  number bigint;
  moment timestamptz;
  entry_hash bytea;
begin
  select h.seq, h.last_at, h.hash into head from audit_head h where h.org_id = org for update;
  if not found then
    -- Two first entries at once: the second waits here, and then for the lock.
    insert into audit_head (org_id, seq, last_at, hash)
      values (org, 0, '-infinity', decode(repeat('00', 32), 'hex')) on conflict (org_id) do nothing;
    select h.seq, h.last_at, h.hash into head from audit_head h where h.org_id = org for update;
  end if;
  number := head.seq + 1;
  moment := greatest(head.last_at, date_trunc('milliseconds', clock_timestamp()));
  select sha256(convert_to(string_agg(coalesce(octet_length(part) || ':' || part, '-'), ',' order by place), 'UTF8'))
    into entry_hash
    from unnest(array[org::text, number::text, (extract(epoch from moment) * 1000)::bigint::text,
                      caller_kind, caller, rpc, subject_kind, subject_id, request_id, before, after, trace_id,
                      encode(head.hash, 'hex')]) with ordinality as parts (part, place);
  insert into audit_entry (org_id, seq, at, caller_kind, caller, rpc, subject_kind, subject_id, request_id, before,
                           after, trace_id, prev_hash, hash)
    values (org, number, moment, caller_kind, caller, rpc, subject_kind, subject_id, request_id, before::json,
            after::json, trace_id, head.hash, entry_hash);
  update audit_head h set seq = number, last_at = moment, hash = entry_hash where h.org_id = org;
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
