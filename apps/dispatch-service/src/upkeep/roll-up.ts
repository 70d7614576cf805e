import { firstIdAt, single, sql, type MonthPartition, type Tx } from '@herald/postgres';
import { unequalDays } from '../reports/ledger-days';

/** Ids of one request are made within this time of one another, whichever replica's clock they came from. */
const ID_SPREAD_MS = 3_600_000;

/** What a month takes with it beyond the rows of its own partition. */
export interface Departing {
  /** The organisations that have requests in it. */
  orgs: string[];
  /** Requests with messages in the month whose own id lies after its end. */
  late: string[];
  /** Messages after its end whose request goes: it was accepted while the month ended. */
  strays: string[];
}

/** Finds the requests that go with a month: those made before its end, and those that reach over it. */
export async function departing(tx: Tx, { start, end }: MonthPartition): Promise<Departing> {
  const [from, past] = [firstIdAt(start), firstIdAt(end)];
  const late = await sql<{ id: string }>(
    tx,
    'select distinct outbound_request_id as id from message where id >= $1 and id < $2 and outbound_request_id >= $2',
    [from, past],
  );
  const lateIds = late.map(({ id }) => id);
  const strays = await sql<{ id: string }>(
    tx,
    `select id from message
      where id >= $1 and id < $2 and (outbound_request_id < $1 or outbound_request_id = any($3::uuid[]))`,
    [past, firstIdAt(new Date(end.getTime() + ID_SPREAD_MS)), lateIds],
  );
  const orgs = await sql<{ org: string }>(
    tx,
    'select distinct org_id as org from outbound_request where id < $1 or id = any($2::uuid[])',
    [past, lateIds],
  );
  return { orgs: orgs.map(({ org }) => org), late: lateIds, strays: strays.map(({ id }) => id) };
}

/** Whether a message of the month may still have to be sent, or is not known to have been. */
export async function hasOpenMessages(tx: Tx, { start, end }: MonthPartition): Promise<boolean> {
  const rows = await sql<{ isOpen: boolean }>(
    tx,
    `select exists (
              select 1 from message_state
               where id >= $1 and id < $2 and state in ('QUEUED', 'SENDING', 'UNKNOWN')) as "isOpen"`,
    [firstIdAt(start), firstIdAt(end)],
  );
  return single(rows).isOpen;
}

/**
 * Adds the counts of what goes to the days of the ledger. Throws, so that nothing goes, where the contacts of a day are not
 * the sum of its states, or a message has no request: that is for CheckLedger to find in the rows.
 */
export async function rollUp(tx: Tx, { start, end }: MonthPartition, { orgs, late, strays }: Departing): Promise<void> {
  const past = firstIdAt(end);
  const { counted, rolledUp } = single(
    await sql<{ counted: string; rolledUp: string }>(tx, ROLL_UP_STATES, [firstIdAt(start), past, strays, late]),
  );
  await sql(tx, ROLL_UP_REQUESTS, [past, late]);
  const [unequal] = await unequalDays(tx, orgs);
  if (counted === rolledUp && unequal === undefined) return;
  throw new Error(
    unequal
      ? `the contacts of ${unequal.day} are not the sum of their states: the month is kept`
      : `${counted} messages, of which ${rolledUp} belong to requests: the month is kept`,
  );
}

const ROLL_UP_STATES = `with gone as (
    select org_id, id, (created_at at time zone 'UTC')::date as day, configuration_id, channel_id, refused_by_reason
      from outbound_request
     where id < $2 or id = any($4::uuid[])),
  counted as (
    select org_id, outbound_request_id, state, coalesce(reason, '') as reason, count(*) as messages
      from (select org_id, outbound_request_id, state, reason from message_state where id >= $1 and id < $2
             union all
            select org_id, outbound_request_id, state, reason from message_state where id = any($3::uuid[])) as going
     group by org_id, outbound_request_id, state, reason),
  lines as (
    select gone.org_id, day, configuration_id, channel_id, state, reason, messages
      from gone
      join counted on counted.org_id = gone.org_id and counted.outbound_request_id = gone.id
     union all
    select org_id, day, configuration_id, channel_id, 'REFUSED', refusal.key, refusal.value::bigint
      from gone
     cross join jsonb_each_text(refused_by_reason) as refusal),
  added as (
    insert into ledger_day as known (org_id, day, configuration_id, channel_id, state, reason, messages)
    select org_id, day, configuration_id, channel_id, state, reason, sum(messages)
      from lines
     group by org_id, day, configuration_id, channel_id, state, reason
    on conflict (org_id, day, configuration_id, channel_id, state, reason) do update
       set messages = known.messages + excluded.messages)
  select (select coalesce(sum(messages), 0) from counted) as counted,
         (select coalesce(sum(messages), 0) from lines where state <> 'REFUSED') as "rolledUp"`;

const ROLL_UP_REQUESTS = `insert into ledger_day_request as known (org_id, day, configuration_id, channel_id, requests, contacts)
  select org_id, (created_at at time zone 'UTC')::date, configuration_id, channel_id, count(*), sum(contacts)
    from outbound_request
   where id < $1 or id = any($2::uuid[])
   group by 1, 2, 3, 4
  on conflict (org_id, day, configuration_id, channel_id) do update
     set requests = known.requests + excluded.requests, contacts = known.contacts + excluded.contacts`;
