import type { TestDatabase } from '@herald/testing';

/** Messages of a request. */
const REQUEST_MESSAGES = 100;
/** Requests of one statement, so that none takes long. */
const REQUESTS_PER_STATEMENT = 5_000;

/** What a spec may choose about the past that it makes up. */
export interface History {
  org: string;
  /** In requests of a hundred, and two more contacts of each that were refused. */
  messages: number;
  /** Spread evenly over the time from `from` until `to`; partitions of the months between are made. */
  from: Date;
  to: Date;
  /** Tells the ids of one history from those of another over the same time. */
  seed?: string;
}

/**
 * Adds a past to the ledger: of each request 90 messages were delivered, 4 sent, 5 failed and one was skipped, of ten
 * configurations and three channels. It is made in the database, tens of thousands of messages a second.
 */
export async function addHistory(test: Pick<TestDatabase, 'asOwner'>, history: History): Promise<void> {
  const { org, messages, from, to, seed = 'a' } = history;
  await test.asOwner(
    `select ensure_month_partition(c.relname, month)
       from pg_class c
      cross join generate_series(date_trunc('month', $1::timestamptz), $2::timestamptz, interval '1 month') as month
      where c.relkind = 'p' and c.relnamespace = 'dispatch'::regnamespace`,
    [from, to],
  );
  await test.asOwner(`create or replace function pg_temp.id_at(at timestamptz, place int, name text) returns uuid
    language sql immutable as $$
      select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(place), 3, '0') || '8'
              || substr(md5(name), 1, 15))::uuid $$`);
  const requests = Math.ceil(messages / REQUEST_MESSAGES);
  for (let first = 0; first < requests; first += REQUESTS_PER_STATEMENT) {
    const past = Math.min(first + REQUESTS_PER_STATEMENT, requests);
    await test.asOwner('drop table if exists pg_temp.made');
    await test.asOwner(MAKE_REQUESTS.replaceAll('$seed', seed), [from, to, requests, first, past - 1]);
    for (const statement of FILL) await test.asOwner(statement, [org]);
  }
}

const MAKE_REQUESTS = `create temp table made as
  select *, md5('configuration' || n % 10)::uuid as configuration, md5('channel' || n % 3)::uuid as channel,
         md5('account')::uuid as account
    from (select n, '$seed' || n as name,
                 date_trunc('milliseconds', $1::timestamptz + ($2::timestamptz - $1::timestamptz) * n / $3::int) as at
            from generate_series($4::int, $5::int) as n) as numbered`;

const FILL = [
  `insert into outbound_request
     (org_id, id, request_id, caller, configuration_id, template_id, template_version, channel_id, channel_account_id,
      channel_type, show_in_timeline, delivery_guarantee, purpose, contacts, refused, refused_by_reason, created_at, expires_at)
   select $1, pg_temp.id_at(at, 4095, name), name, 'spec', configuration, md5('template')::uuid, 1, channel, account, 'SMS',
          false, 'AT_MOST_ONCE', 'TRANSACTIONAL', 102, 2, '{"ADDRESS_INVALID": 2}', at, at + interval '10 hours'
     from made`,
  `insert into batch
     (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at, expires_at, size,
      claimed_to, first_id, last_id, created_at)
   select $1, pg_temp.id_at(at, 4094, name), 3, channel, account, 0, 'AT_MOST_ONCE', at, at + interval '10 hours', 99, 99,
          pg_temp.id_at(at, 1, name), pg_temp.id_at(at, 99, name), at
     from made`,
  `insert into message
     (org_id, id, outbound_request_id, contact_index, language, segments, skip_reason, batch_id, position, rank, best,
      reason, provider_code, provider_id, outcome_at, version, created_at, updated_at)
   select $1, pg_temp.id_at(at, place, name), pg_temp.id_at(at, 4095, name), place - 1, 'en-US',
          case when place <= 99 then 1 else 0 end, case when place = 100 then 'OPTED_OUT' end,
          case when place <= 99 then pg_temp.id_at(at, 4094, name) end, case when place <= 99 then place end,
          case when place <= 90 then 80 when place <= 94 then 30 when place <= 99 then 60 end,
          case when place <= 90 then 80 else 0 end,
          case when place between 95 and 99 then 'ADDRESS_UNREACHABLE' end,
          case when place between 95 and 99 then '30003' end,
          case when place <= 94 then 'SM' || md5(name || '/' || place) end, at, 3, at, at
     from made cross join generate_series(1, ${REQUEST_MESSAGES}) as place`,
  `insert into message_body (org_id, id, to_address, body)
   select $1, pg_temp.id_at(at, place, name), '+1425555' || lpad(place::text, 4, '0'),
          'Hello Ana, your order ' || n || ' is on its way and arrives between nine and eleven o''clock tomorrow.'
     from made cross join generate_series(1, 99) as place`,
  `insert into provider_ref (org_id, channel_account_id, provider_id, message_id, attempt, rank, created_at)
   select $1, account, 'SM' || md5(name || '/' || place), pg_temp.id_at(at, place, name), 1, 80, at
     from made cross join generate_series(1, 94) as place`,
  `insert into message_step
     (org_id, message_id, id, attempt, at, state, rank, reason, provider_code, provider_id, source)
   select $1, pg_temp.id_at(at, place, name), pg_temp.id_at(at, 200 + place, name), 1, at,
          case when place <= 94 then 'SENT' else 'FAILED' end, case when place <= 94 then 20 else 60 end,
          case when place > 94 then 'ADDRESS_UNREACHABLE' end, case when place > 94 then '30003' end,
          case when place <= 94 then 'SM' || md5(name || '/' || place) end, 'SEND'
     from made cross join generate_series(1, 99) as place`,
];
