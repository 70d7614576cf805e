import type { ListRequestsRequest, ListRequestsResponse, OutboundRequest } from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { cutPage, maybe, readPage, sql, type Database, type Tx } from '@herald/postgres';
import { sumCounts, type StateCount } from '../ledger-counts';

const PAGE_SIZES = { byDefault: 50, max: 200 };

interface RequestRow {
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

const REQUEST_COLUMNS = `id, request_id as "requestId", configuration_id as "outboundConfigurationId", template_id as "templateId",
       template_version as "templateVersion", channel_id as "channelId", caller, contacts,
       refused_by_reason as "refusedByReason", created_at as "createTime", expires_at as "expireTime"`;

/** A request with its counts. Throws REQUEST_NOT_FOUND. */
export async function getRequest(database: Database, org: string, id: string): Promise<OutboundRequest> {
  return database.read(org, async (tx) => {
    const row = maybe(
      await sql<RequestRow>(tx, `select ${REQUEST_COLUMNS} from outbound_request where org_id = $1 and id = $2`, [
        org,
        id,
      ]),
    );
    if (!row) throw notFound('REQUEST_NOT_FOUND', 'outboundRequest', id);
    const [request] = await withCounts(tx, org, [row]);
    if (!request) throw new Error('a request lost its counts');
    return request;
  });
}

/** A page of the organisation's requests, newest first. */
export async function listRequests(
  database: Database,
  org: string,
  request: ListRequestsRequest,
): Promise<ListRequestsResponse> {
  const page = readPage(request, PAGE_SIZES);
  return database.read(org, async (tx) => {
    const found = await sql<RequestRow>(
      tx,
      `select ${REQUEST_COLUMNS}
         from outbound_request
        where org_id = $1 and ($2::uuid is null or id < $2)
        order by id desc
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
  return rows.map(({ contacts, refusedByReason, ...row }) => ({
    ...row,
    counts: sumCounts(
      contacts,
      refusedByReason,
      states.filter((state) => state.requestId === row.id),
    ),
  }));
}
