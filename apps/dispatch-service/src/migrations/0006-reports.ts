import { partitionUpkeep, tenantTable, type Migration } from '@herald/postgres';

/**
 * What stays of a month whose messages are no longer kept: how many there were of each state and reason, by the day on which
 * their request was created. The worker adds to it in the transaction that drops the month.
 */
export const reports: Migration = {
  name: '0006-reports',
  up: `
${partitionUpkeep}

-- Reports and checks read whole months, and a policy that calls what is not marked so keeps them on one core.
alter function herald_org() parallel safe;

-- reason is '' where there is none, and state REFUSED for contacts that became no message.
create table ledger_day (
  org_id uuid not null,
  day date not null,
  configuration_id uuid not null,
  channel_id uuid not null,
  state text not null,
  reason text not null,
  messages bigint not null check (messages > 0),
  primary key (org_id, day, configuration_id, channel_id, state, reason)
);
${tenantTable('ledger_day', { app: 'select', worker: 'select, insert, update' })}

-- The requests of a day, and how many contacts they named: counted from other rows than the states above, so that the one
-- still proves the other.
create table ledger_day_request (
  org_id uuid not null,
  day date not null,
  configuration_id uuid not null,
  channel_id uuid not null,
  requests bigint not null check (requests > 0),
  contacts bigint not null check (contacts > 0),
  primary key (org_id, day, configuration_id, channel_id)
);
${tenantTable('ledger_day_request', { app: 'select', worker: 'select, insert, update' })}

-- Takes away what belongs to the requests of months that end at "past", but for their messages, which go with their
-- partition: so that the worker itself keeps having no right to delete them. "late" are those requests whose own id lies
-- in the month after, "strays" the messages of all that do. It is bound to one organisation after the other, as everybody.
create function forget_requests(past timestamptz, orgs uuid[], late uuid[], strays uuid[]) returns void
  language plpgsql security definer as $$
declare
  -- The first UUIDv7 of that moment.
  past_id uuid := (lpad(to_hex(floor(extract(epoch from past) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
  org uuid;
begin
  if past > now() - interval '42 days' then raise exception 'requests are kept for six weeks at least'; end if;
  foreach org in array orgs loop
    perform set_config('herald.org', org::text, true);
    delete from provider_ref
     where org_id = org and (message_id < past_id or message_id = any(strays) or (message_id is null and created_at < past));
    delete from message where org_id = org and id = any(strays);
    delete from message_body where org_id = org and id = any(strays);
    delete from batch where org_id = org and first_id < past_id;
    delete from outbound_request where org_id = org and (id < past_id or id = any(late));
  end loop;
end $$;

do $$
declare
  owner text := 'herald_' || current_schema();
  signature text := 'forget_requests(timestamptz, uuid[], uuid[], uuid[])';
  name text;
begin
  foreach name in array array['provider_ref', 'message', 'message_body', 'batch', 'outbound_request'] loop
    execute format('create policy owner on %I to %I using (org_id = (select herald_org()))', name, owner);
  end loop;
  execute format('alter function %s set search_path = %I, pg_temp', signature, current_schema());
  execute format('revoke execute on function %s from public', signature);
  execute format('grant execute on function %s to %I', signature, owner || '_worker');
end $$;
`,
};
