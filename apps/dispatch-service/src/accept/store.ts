import { bareArray, execute, maybe, single, sql, type Tx } from '@herald/postgres';
import type { AcceptedContact, SkippedContact } from './plan-contacts';
import { settleShard } from './sender-shard';

/** A request as it is stored: what was asked, what it was pinned to, and how many of its contacts were refused. */
export interface NewRequest extends NewReply {
  configurationId: string;
  templateId: string;
  templateVersion: number;
}

/** An agent's reply as it is stored: a request with one contact, sent with no configuration and from no template. */
export interface NewReply {
  org: string;
  id: string;
  requestId: string;
  caller: string;
  channelId: string;
  channelAccountId: string;
  channelType: string;
  showInTimeline: boolean;
  deliveryGuarantee: 'AT_MOST_ONCE' | 'AT_LEAST_ONCE';
  purpose: 'TRANSACTIONAL' | 'MARKETING';
  contacts: number;
  refusedByReason: Record<string, number>;
  createdAt: Date;
  expiresAt: Date;
}

/** Stores the request's row. */
export async function insertRequest(tx: Tx, request: NewReply & Partial<NewRequest>): Promise<void> {
  const refused = Object.values(request.refusedByReason).reduce((sum, count) => sum + count, 0);
  await insertRequestStatement(tx, [
    request.org,
    request.id,
    request.requestId,
    request.caller,
    request.configurationId ?? null,
    request.templateId ?? null,
    request.templateVersion ?? null,
    request.channelId,
    request.channelAccountId,
    request.channelType,
    request.showInTimeline,
    request.deliveryGuarantee,
    request.purpose,
    request.contacts,
    refused,
    JSON.stringify(request.refusedByReason),
    request.createdAt,
    request.expiresAt,
  ]);
}

const insertRequestStatement = sql.prepared(
  'outbound_request_insert',
  `insert into outbound_request
     (org_id, id, request_id, caller, configuration_id, template_id, template_version, channel_id, channel_account_id,
      channel_type, show_in_timeline, delivery_guarantee, purpose, contacts, refused, refused_by_reason, created_at, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb, $17, $18)`,
);

/** The one batch of a request: all its messages share sender, priority, guarantee and the time they are ready. */
export interface NewBatch {
  id: string;
  /** Where it is to go, and the shard of its organisation. */
  wantedShard: number;
  orgShard: number;
  priority: number;
  readyAt: Date;
  traceparent: string | undefined;
  /** Batches with one key are sent one at a time, in the order of these times. */
  sequence?: { key: string; at: Date };
}

/** Stands where a batch has no configuration; the migration says why it is not null. */
const NO_CONFIGURATION = '00000000-0000-0000-0000-000000000000';

/** What of a contact becomes a message; a reply has no language, since nobody chose one. */
export type NewMessage = Pick<
  AcceptedContact,
  'messageId' | 'index' | 'clientReference' | 'segments' | 'address' | 'body'
> & {
  language: string | null;
};

// On the sender's shard, which stays what it is until the transaction ends, if that is the one that is wanted or has
// batches of the sender that are open; nowhere, where the shard is to be settled first.
const insertBatchStatement = sql.prepared<{ shard: number }>(
  'batch_insert',
  `insert into batch
     (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at, expires_at,
      size, first_id, last_id, traceparent, created_at, outbound_request_id, configuration_id, sequence_key, sequence_at)
   select $1, $2, place.shard, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
          $15, $16, $17, $18
     from (select shard from sender where org_id = $1 and channel_id = $4 for key share) as place
    where place.shard = $3
       or exists (
            select 1 from batch open
             where open.shard = place.shard and open.org_id = $1 and open.channel_id = $4
               and open.claimed_to < open.size and open.cancelled_at is null)
   returning shard`,
);

const insertMessagesStatement = sql.prepared(
  'message_insert',
  `insert into message
     (org_id, id, outbound_request_id, contact_index, client_reference, language, segments, batch_id, position,
      created_at, updated_at)
   select $1, m.id, $2, m.contact_index, m.client_reference, m.language, m.segments, $3, m.position, $4, $4
     from unnest($5::uuid[], $6::int[], $7::text[], $8::text[], $9::int[])
          with ordinality as m (id, contact_index, client_reference, language, segments, position)`,
);

const insertBodiesStatement = sql.prepared(
  'message_body_insert',
  `insert into message_body (org_id, id, to_address, body)
   select $1, b.id, b.to_address, b.body
     from unnest($2::uuid[], $3::text[], $4::text[]) as b (id, to_address, body)`,
);

/**
 * Stores the accepted contacts as one batch of messages with their bodies; at least one contact. Positions follow the
 * contacts' order. Returns the shard of the batch.
 */
export async function insertBatch(
  tx: Tx,
  request: NewReply & Partial<NewRequest>,
  batch: NewBatch,
  contacts: readonly NewMessage[],
): Promise<number> {
  const ids = contacts.map((contact) => contact.messageId);
  const [shard] = await Promise.all([
    placeBatch(tx, request, batch, ids),
    insertMessagesStatement(tx, [
      request.org,
      request.id,
      batch.id,
      request.createdAt,
      bareArray(ids),
      bareArray(contacts.map((contact) => contact.index)),
      contacts.map((contact) => contact.clientReference ?? null),
      bareArray(contacts.map((contact) => contact.language)),
      bareArray(contacts.map((contact) => contact.segments)),
    ]),
    insertBodiesStatement(tx, [
      request.org,
      bareArray(ids),
      contacts.map((contact) => contact.address),
      contacts.map((contact) => contact.body),
    ]),
  ]);
  return shard;
}

async function placeBatch(
  tx: Tx,
  request: NewReply & Partial<NewRequest>,
  batch: NewBatch,
  ids: readonly string[],
): Promise<number> {
  const { org, channelId } = request;
  const insertOn = (shard: number) =>
    insertBatchStatement(tx, [
      ...[org, batch.id, shard, channelId, request.channelAccountId, batch.priority, request.deliveryGuarantee],
      ...[batch.readyAt, request.expiresAt, ids.length, ids[0], ids[ids.length - 1], batch.traceparent ?? null],
      ...[request.createdAt, request.id, request.configurationId ?? NO_CONFIGURATION],
      ...[batch.sequence?.key ?? null, batch.sequence?.at ?? null],
    ]);
  const placed = maybe(await insertOn(batch.wantedShard));
  if (placed) return placed.shard;
  const { wantedShard: wanted, orgShard } = batch;
  return single(await insertOn(await settleShard(tx, { org, channelId, wanted, orgShard }))).shard;
}

/** Stores the skipped contacts: rows of the ledger without a batch, an address or a text. */
export async function insertSkipped(tx: Tx, request: NewRequest, contacts: readonly SkippedContact[]): Promise<void> {
  if (contacts.length === 0) return;
  await execute(
    tx,
    `insert into message (org_id, id, outbound_request_id, contact_index, client_reference, skip_reason, created_at, updated_at)
     select $1, m.id, $2, m.contact_index, m.client_reference, m.skip_reason, $3, $3
       from unnest($4::uuid[], $5::int[], $6::text[], $7::text[]) as m (id, contact_index, client_reference, skip_reason)`,
    [
      request.org,
      request.id,
      request.createdAt,
      contacts.map((contact) => contact.messageId),
      contacts.map((contact) => contact.index),
      contacts.map((contact) => contact.clientReference ?? null),
      contacts.map((contact) => contact.reason),
    ],
  );
}
