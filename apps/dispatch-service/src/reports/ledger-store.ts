import { single, sql, type Tx } from '@herald/postgres';
import type { StateCount } from '../ledger-counts';
import { unequalDays } from './ledger-days';

/** What the requests in scope say of themselves, and how many there are. */
export interface AskedFor {
  requests: number;
  contacts: number;
  refusedByReason: Record<string, number>;
}

/** A contradiction between rows that the ledger must not hold. */
export interface Contradiction {
  subject: string;
  description: string;
}

/** How many contradictions of a kind are named; one is enough to act on. */
const CONTRADICTIONS_PER_KIND_MAX = 20;

/** Sums what was asked for: by one request, or with null by all of the organisation, those of months that are gone too. */
export async function readAskedFor(tx: Tx, org: string, requestId: string | null): Promise<AskedFor> {
  const rows = await sql<AskedFor>(
    tx,
    `select sum(requests)::float8 as requests, coalesce(sum(contacts), 0)::float8 as contacts,
            (select coalesce(jsonb_object_agg(reason, refused), '{}')
               from (select refusal.key as reason, sum(refusal.value::int) as refused
                       from outbound_request
                      cross join jsonb_each_text(refused_by_reason) as refusal
                      where org_id = $1 and ($2::uuid is null or id = $2)
                      group by refusal.key) as refusals) as "refusedByReason"
       from (select count(*) as requests, sum(contacts) as contacts
               from outbound_request where org_id = $1 and ($2::uuid is null or id = $2)
              union all
             select coalesce(sum(requests), 0), sum(contacts)
               from ledger_day_request where org_id = $1 and $2::uuid is null) as asked`,
    [org, requestId],
  );
  return single(rows);
}

/** The messages in scope by state and reason, and of months that are gone their counts, refused contacts among them. */
export async function countStates(tx: Tx, org: string, requestId: string | null): Promise<StateCount[]> {
  // Apart, because together they are counted on one core.
  const states = await sql<StateCount>(
    tx,
    `select state, reason, count(*)::float8 as messages
       from message_state
      where org_id = $1 and ($2::uuid is null or outbound_request_id = $2)
      group by state, reason`,
    [org, requestId],
  );
  if (requestId !== null) return states;
  const gone = await sql<StateCount>(
    tx,
    `select state, nullif(reason, '') as reason, sum(messages)::float8 as messages
       from ledger_day
      where org_id = $1
      group by state, reason`,
    [org],
  );
  return [...states, ...gone];
}

/** Positions of open slices that have no outcome yet: what a death at this moment could leave unknown. */
export async function countOpenSlicePositions(tx: Tx, org: string): Promise<number> {
  const rows = await sql<{ positions: number }>(
    tx,
    `select count(*)::int as positions
       from slice
       join batch on batch.org_id = slice.org_id and batch.id = slice.batch_id
       join message on message.org_id = slice.org_id and message.batch_id = slice.batch_id
                   and message.position between slice.lo and slice.hi
                   and message.id between batch.first_id and batch.last_id
      where slice.org_id = $1 and message.rank is null and message.best = 0 and message.expired_at is null`,
    [org],
  );
  return rows[0]?.positions ?? 0;
}

/**
 * Each statement asks for rows that contradict each other, and finds none in a ledger that is conserved. They hold at
 * every moment, in the midst of sending too, because each is kept by the transaction that could break it.
 *
 * The limit stands outside of what is looked for: inside it, PostgreSQL expects to find some soon, and asks an index for
 * each of ten million messages (40 s a statement, and 4 s so).
 */
const CONTRADICTIONS: readonly { description: string; statement: string }[] = [
  {
    description: 'the message is sending, but no open slice covers its position: its outcome would never come',
    statement: `with found as materialized (
       select m.id::text as subject
       from message_state m
      where m.org_id = $1 and ($2::uuid is null or m.outbound_request_id = $2) and m.state = 'SENDING'
        and not exists (
              select 1 from slice
               where slice.org_id = m.org_id and slice.batch_id = m.batch_id and m.position between slice.lo and slice.hi))
       select subject from found limit $3`,
  },
  {
    description: 'two messages hold the same position of a batch',
    // Positions are looked for in the index alone, which has them in order: 2.6 s of ten million, and 6.2 s with the ids.
    statement: `with twice as materialized (
         select batch_id, position
           from message
          where org_id = $1 and ($2::uuid is null or outbound_request_id = $2) and batch_id is not null
          group by batch_id, position
         having count(*) > 1
          limit $3)
       select min(m.id::text) as subject
         from twice
         join message m on m.org_id = $1 and m.batch_id = twice.batch_id and m.position = twice.position
        group by m.batch_id, m.position`,
  },
  {
    description: 'the message lies outside its batch, or its batch is missing: it would never be claimed',
    statement: `with found as materialized (
       select m.id::text as subject
       from message m
       left join batch b on b.org_id = m.org_id and b.id = m.batch_id
      where m.org_id = $1 and ($2::uuid is null or m.outbound_request_id = $2) and m.batch_id is not null
        and (b.id is null or m.position > b.size or m.id < b.first_id or m.id > b.last_id))
       select subject from found limit $3`,
  },
  {
    description: 'the unclaimed part of the batch misses messages: positions would be passed with nothing to send',
    // Batch by batch, whatever the statistics: those from before a burst made a plan of 8 s for a thousand open batches.
    statement: `with found as materialized (
       select b.id::text as subject
       from batch b
      cross join lateral (
              select count(*) as messages
                from message m
               where m.org_id = b.org_id and m.batch_id = b.id and m.position > b.claimed_to
                 and m.id between b.first_id and b.last_id) unclaimed
      where b.org_id = $1 and b.claimed_to < b.size
        and ($2::uuid is null or exists (
              select 1 from message r
               where r.org_id = b.org_id and r.batch_id = b.id and r.outbound_request_id = $2))
        and unclaimed.messages <> b.size - b.claimed_to)
       select subject from found limit $3`,
  },
  {
    // What was sent may have been erased: by its age, or because its contact wished so.
    description: 'the message waits to be sent but has no address and text',
    statement: `with found as materialized (
       select m.id::text as subject
       from message_state m
      where m.org_id = $1 and ($2::uuid is null or m.outbound_request_id = $2) and m.state in ('QUEUED', 'SENDING')
        and not exists (select 1 from message_body body where body.org_id = m.org_id and body.id = m.id))
       select subject from found limit $3`,
  },
  {
    description: 'the message shows more delivery than the evidence of its only attempt proves',
    statement: `with found as materialized (
       select m.id::text as subject
       from message m
      where m.org_id = $1 and ($2::uuid is null or m.outbound_request_id = $2)
        and m.attempt = 1
        and m.best > case when m.rank >= 90 then 90 when m.rank >= 70 then 80 else 0 end)
       select subject from found limit $3`,
  },
  {
    description: 'the message is unknown, and nobody is to ask after its batch: it would be so for ever',
    statement: `select m.id::text as subject
       from message_state m
       join batch b on b.org_id = m.org_id and b.id = m.batch_id
      where m.org_id = $1 and ($2::uuid is null or m.outbound_request_id = $2) and m.state = 'UNKNOWN'
        and b.check_at is null
      limit $3`,
  },
  {
    description: 'the message is to be sent at most once, and got a new attempt on a guess',
    // The few that were unknown first: a plan from before a burst was analyzed went through all steps, 8 s of 200,000.
    statement: `with guess as materialized (
       select step.org_id, step.message_id, step.attempt
         from message_step step
        where step.org_id = $1 and step.rank = 1),
     found as materialized (
       select m.id::text as subject
         from guess
        cross join lateral (
                select id, org_id, batch_id, outbound_request_id
                  from message
                 where message.org_id = guess.org_id and message.id = guess.message_id
                 limit 1) m
         join batch b on b.org_id = m.org_id and b.id = m.batch_id
        where ($2::uuid is null or m.outbound_request_id = $2) and b.delivery_guarantee = 'AT_MOST_ONCE'
          and exists (
                select 1 from message_step next
                 where next.org_id = guess.org_id and next.message_id = guess.message_id
                   and next.attempt = guess.attempt + 1 and next.reason = 'NOT_FOUND_AT_PROVIDER'))
       select subject from found limit $3`,
  },
  {
    description: 'the provider id names a message that is not there',
    statement: `with found as materialized (
       select ref.provider_id as subject
       from provider_ref ref
      where ref.org_id = $1 and $2::uuid is null and ref.message_id is not null
        and not exists (select 1 from message m where m.org_id = ref.org_id and m.id = ref.message_id))
       select subject from found limit $3`,
  },
];

/**
 * Requests whose contacts are not the sum of their refusals and messages, and messages without a request. They are counted
 * in the index of messages by request alone: 1.6 s of ten million.
 */
const UNEQUAL_REQUESTS = `select coalesce(asked.id, came.id)::text as subject,
       case when asked.id is null then 'messages of a request that is not there'
            when asked.refused <> asked.explained
              then format('refused is %s, but its reasons add up to %s', asked.refused, asked.explained)
            else format('%s contacts, but the states add up to %s', asked.contacts,
                        asked.explained + coalesce(came.messages, 0)) end as description
  from (select id, contacts, refused,
               (select coalesce(sum(value::int), 0) from jsonb_each_text(refused_by_reason)) as explained
          from outbound_request
         where org_id = $1 and ($2::uuid is null or id = $2)) as asked
  full join (select outbound_request_id as id, count(*) as messages
               from message
              where org_id = $1 and ($2::uuid is null or outbound_request_id = $2)
              group by outbound_request_id) as came on came.id = asked.id
 where asked.id is null or asked.refused <> asked.explained
    or asked.contacts <> asked.explained + coalesce(came.messages, 0)
 limit $3`;

/** Asks for every kind of contradiction in the snapshot of `tx`. */
export async function findContradictions(tx: Tx, org: string, requestId: string | null): Promise<Contradiction[]> {
  const found = await sql<Contradiction>(tx, UNEQUAL_REQUESTS, [org, requestId, CONTRADICTIONS_PER_KIND_MAX]);
  const days = requestId === null ? await unequalDays(tx, [org]) : [];
  found.push(
    ...days.map(({ day, contacts, messages }) => ({
      subject: day,
      description: `${contacts} contacts of messages no longer kept, but the states add up to ${messages}`,
    })),
  );
  for (const { description, statement } of CONTRADICTIONS) {
    const rows = await sql<{ subject: string }>(tx, statement, [org, requestId, CONTRADICTIONS_PER_KIND_MAX]);
    found.push(...rows.map(({ subject }) => ({ subject, description })));
  }
  return found;
}
