import { firstIdAt, sql, type Tx } from '@herald/postgres';

/** A report of more rows does not fit an answer: at some 120 bytes each this is 2.4 MB of gRPC's 4. */
export const REPORT_ROWS_MAX = 20_000;
/** Ids come from replicas' clocks and times from the database's; they differ by less than this. */
const CLOCKS_DIFFER_MS_MAX = 3_600_000;

/** Which requests a report is about: those created from start on and before end. */
export interface ReportScope {
  start: Date;
  end: Date;
  configurationId: string | null;
  channelId: string | null;
}

/** So many messages, or refused contacts, of a day in UTC. */
export interface ReportRow {
  configurationId: string;
  channelId: string;
  day: string;
  state: string;
  /** '' where the state has none. */
  reason: string;
  messages: number;
}

/**
 * Counts what the rows say, and adds the days of months whose rows are gone. The ids bound which partitions and which part
 * of the requests are read; the request's time decides. One row more than a report may have tells that it is too long.
 */
export function readReport(
  tx: Tx,
  org: string,
  { start, end, configurationId, channelId }: ReportScope,
): Promise<ReportRow[]> {
  const from = firstIdAt(new Date(start.getTime() - CLOCKS_DIFFER_MS_MAX));
  const past = firstIdAt(new Date(end.getTime() + CLOCKS_DIFFER_MS_MAX));
  return sql<ReportRow>(tx, REPORT, [org, start, end, from, past, configurationId, channelId, REPORT_ROWS_MAX + 1]);
}

// Messages are counted by request before they meet their requests: a join for each request, and not for each message.
const REPORT = `with asked as materialized (
    select id, configuration_id, channel_id, (created_at at time zone 'UTC')::date as day, refused_by_reason
      from outbound_request
     where org_id = $1 and id >= $4 and id < $5 and created_at >= $2 and created_at < $3
       and ($6::uuid is null or configuration_id = $6) and ($7::uuid is null or channel_id = $7)),
  counted as (
    select outbound_request_id, state, reason, count(*) as messages
      from message_state
     where org_id = $1 and id >= $4 and id < $5
     group by outbound_request_id, state, reason)
  select configuration_id as "configurationId", channel_id as "channelId", day::text, state, reason,
         sum(messages)::float8 as messages
    from (select configuration_id, channel_id, day, state, coalesce(reason, '') as reason, messages
            from asked
            join counted on counted.outbound_request_id = asked.id
           union all
          select configuration_id, channel_id, day, 'REFUSED', refusal.key, refusal.value::bigint
            from asked
           cross join jsonb_each_text(refused_by_reason) as refusal
           union all
          select configuration_id, channel_id, day, state, reason, messages
            from ledger_day
           where org_id = $1 and day >= $2::timestamptz and day < $3::timestamptz
             and ($6::uuid is null or configuration_id = $6) and ($7::uuid is null or channel_id = $7)) as lines
   group by configuration_id, channel_id, day, state, reason
   order by configuration_id, channel_id, day, state, reason
   limit $8`;
