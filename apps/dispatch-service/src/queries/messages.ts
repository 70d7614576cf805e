import {
  type ListMessagesRequest,
  type ListMessagesResponse,
  type Message,
  MessageState,
} from '@herald/contracts/dispatch';
import { ChannelType } from '@herald/contracts/type';
import { invalidFields, notFound } from '@herald/errors';
import { cutPage, maybe, readPage, sql, type Database, type Tx } from '@herald/postgres';
import { validate as isUuid } from 'uuid';

const PAGE_SIZES = { byDefault: 50, max: 500 };

type MessageRow = Omit<Message, 'state' | 'channelType' | 'outcomeTime'> & { state: string; outcomeTime: Date | null };

const MESSAGE_SELECT = `select m.id, m.outbound_request_id as "outboundRequestId", m.contact_index as "contactIndex",
       coalesce(m.client_reference, '') as "clientReference", coalesce(r.configuration_id::text, '') as "outboundConfigurationId",
       r.channel_id as "channelId", coalesce(body.to_address, '') as "toAddress", coalesce(m.language, '') as language,
       coalesce(body.body, '') as body, m.segments, s.state, coalesce(s.reason, '') as reason,
       coalesce(m.provider_code, '') as "providerErrorCode", coalesce(m.provider_id, '') as "providerMessageId",
       m.attempt, coalesce(r.template_id::text, '') as "templateId",
       coalesce(r.template_version, 0) as "templateVersion",
       m.created_at as "createTime", m.outcome_at as "outcomeTime", m.updated_at as "updateTime"
  from message m
  join message_state s on s.org_id = m.org_id and s.id = m.id
  join outbound_request r on r.org_id = m.org_id and r.id = m.outbound_request_id
  left join message_body body on body.org_id = m.org_id and body.id = m.id`;

/** A message with its address, its text and its state. Throws MESSAGE_NOT_FOUND. */
export async function getMessage(database: Database, org: string, id: string): Promise<Message> {
  return database.read(org, (tx) => readMessage(tx, org, id));
}

/** The same within a transaction. */
export async function readMessage(tx: Tx, org: string, id: string): Promise<Message> {
  const row = maybe(await sql<MessageRow>(tx, `${MESSAGE_SELECT} where m.org_id = $1 and m.id = $2`, [org, id]));
  if (!row) throw notFound('MESSAGE_NOT_FOUND', 'message', id);
  return writeMessage(row);
}

/** A page of messages: of one request in the order of its contacts, or of the organisation, newest first. */
export async function listMessages(
  database: Database,
  org: string,
  request: ListMessagesRequest,
): Promise<ListMessagesResponse> {
  const page = readPage(request, PAGE_SIZES);
  const states = readStates(request.states);
  const requestId = readRequestId(request.outboundRequestId);
  const found = await database.read(org, (tx) =>
    requestId === null
      ? sql<MessageRow>(
          tx,
          `${MESSAGE_SELECT}
            where m.org_id = $1 and ($2::uuid is null or m.id < $2) and ($3::text[] is null or s.state = any($3))
            order by m.id desc
            limit $4`,
          [org, page.after, states, page.size + 1],
        )
      : sql<MessageRow>(
          tx,
          `${MESSAGE_SELECT}
            where m.org_id = $1 and ($2::uuid is null or m.id > $2) and ($3::text[] is null or s.state = any($3))
              and m.outbound_request_id = $5
            order by m.id
            limit $4`,
          [org, page.after, states, page.size + 1, requestId],
        ),
  );
  const { rows, nextPageToken } = cutPage(found, page);
  return { messages: rows.map(writeMessage), nextPageToken };
}

function readRequestId(id: string): string | null {
  if (id === '') return null;
  if (isUuid(id)) return id;
  throw invalidFields([{ field: 'outbound_request_id', description: 'must be a UUID', reason: 'FIELD_MALFORMED' }]);
}

/** The contract's names carry this prefix; the ledger's do not. */
const STATE_PREFIX = 'MESSAGE_STATE_';

function readStates(states: readonly MessageState[]): string[] | null {
  if (states.length === 0) return null;
  if (!states.some((state) => state === MessageState.UNRECOGNIZED || state === MessageState.UNSPECIFIED)) {
    return states.map((state) => state.slice(STATE_PREFIX.length));
  }
  throw invalidFields([
    { field: 'states', description: 'names a state that there is not', reason: 'FIELD_UNKNOWN_VALUE' },
  ]);
}

function writeMessage({ state, outcomeTime, ...row }: MessageRow): Message {
  return {
    ...row,
    state: `${STATE_PREFIX}${state}` as MessageState,
    channelType: ChannelType.SMS,
    outcomeTime: outcomeTime ?? undefined,
  };
}
