import type { ListRequestsRequest, ListRequestsResponse, OutboundRequest } from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { cutPage, maybe, readPage, sql, type Database, type Tx } from '@herald/postgres';
import { sumCounts, type StateCount } from '../ledger-counts';

const PAGE_SIZES = { byDefault: 50, max: 200 };

interface RequestRow {
  cancelTime: Date | null;
  paused: boolean;
  id: string;
  requestId: string;
  outboundConfigurationId: string;
  templateId: string;
  templateVersion: number;
  channelId: string;
  caller: string;
  contacts: number;
  refusedByReason: Record<string, number>;
  createTime: Date;
  expireTime: Date;
}

const REQUEST_SELECT = `select r.id, r.request_id as "requestId", coalesce(r.configuration_id::text, '') as "outboundConfigurationId",
       coalesce(r.template_id::text, '') as "templateId", coalesce(r.template_version, 0) as "templateVersion",
       r.channel_id as "channelId", r.caller, r.contacts, r.refused_by_reason as "refusedByReason",
       r.created_at as "createTime", r.expires_at as "expireTime", r.cancelled_at as "cancelTime",
       exists (select 1 from hold where hold.org_id = r.org_id and hold.subject_id = r.id and hold.released_at is null) as paused
  from outbound_request r`;

/** A request with its counts, in the snapshot of each statement. Throws REQUEST_NOT_FOUND. */
export async function readRequest(tx: Tx, org: string, id: string): Promise<OutboundRequest> {
  const row = maybe(await sql<RequestRow>(tx, `${REQUEST_SELECT} where r.org_id = $1 and r.id = $2`, [org, id]));
  if (!row) throw notFound('REQUEST_NOT_FOUND', 'outboundRequest', id);
  const [request] = await withCounts(tx, org, [row]);
  if (!request) throw new Error('a request lost its counts');
  return request;
}

/** A page of what callers sent, newest first: agents' replies are requests too, and belong to their conversations. */
export async function listRequests(
  database: Database,
  org: string,
  request: ListRequestsRequest,
): Promise<ListRequestsResponse> {
  const page = readPage(request, PAGE_SIZES);
  return database.read(org, async (tx) => {
    const found = await sql<RequestRow>(
      tx,
      `${REQUEST_SELECT}
        where r.org_id = $1 and ($2::uuid is null or r.id < $2) and r.configuration_id is not null
        order by r.id desc
        limit $3`,
      [org, page.after, page.size + 1],
    );
    const { rows, nextPageToken } = cutPage(found, page);
    return { outboundRequests: await withCounts(tx, org, rows), nextPageToken };
  });
}

async function withCounts(tx: Tx, org: string, rows: readonly RequestRow[]): Promise<OutboundRequest[]> {
  const states = await sql<StateCount & { requestId: string }>(
    tx,
    `select outbound_request_id as "requestId", state, reason, count(*)::int as messages
       from message_state
      where org_id = $1 and outbound_request_id = any($2::uuid[])
      group by outbound_request_id, state, reason`,
    [org, rows.map((row) => row.id)],
  );
  return rows.map(({ contacts, refusedByReason, cancelTime, ...row }) => ({
    ...row,
    cancelTime: cancelTime ?? undefined,
    counts: sumCounts(
      contacts,
      refusedByReason,
      states.filter((state) => state.requestId === row.id),
    ),
  }));
}
