import { randomBytes } from 'node:crypto';
import { execute, maybe, single, sql, type IdempotencyKey, type Tx } from '@herald/postgres';

/** A stream as far as it was accepted. */
export interface StoredStream {
  org: string;
  id: string;
  openingHash: Buffer;
  /** Contacts of each of its requests but the last. */
  requestSize: number;
  /** Contacts accepted; all of them when it is closed. */
  contacts: number;
  isClosed: boolean;
  salt: Buffer;
}

const SALT_BYTES = 32;

const findStreamStatement = sql.prepared<StoredStream>(
  'outbound_stream_find',
  `select org_id as org, id, opening_hash as "openingHash", request_size as "requestSize", contacts,
          closed_at is not null as "isClosed", salt
     from outbound_stream
    where org_id = $1 and caller = $2 and stream_id = $3`,
);

/** The stream that this caller opened under the id. */
export async function findStream(tx: Tx, key: IdempotencyKey): Promise<StoredStream | undefined> {
  return maybe(await findStreamStatement(tx, [key.org, key.caller, key.requestId]));
}

/** Opens a stream, unless another call has just opened it; returns what stands. */
export async function insertStream(
  tx: Tx,
  key: IdempotencyKey,
  { id, openingHash, requestSize }: Pick<StoredStream, 'id' | 'openingHash' | 'requestSize'>,
): Promise<StoredStream> {
  await execute(
    tx,
    `insert into outbound_stream (org_id, caller, stream_id, id, opening_hash, request_size, salt, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
     on conflict (org_id, caller, stream_id) do nothing`,
    [key.org, key.caller, key.requestId, id, openingHash, requestSize, randomBytes(SALT_BYTES)],
  );
  return single(await findStreamStatement(tx, [key.org, key.caller, key.requestId]));
}

const advanceStatement = sql.prepared<{ id: string }>(
  'outbound_stream_advance',
  `update outbound_stream
      set contacts = contacts + $4,
          closed_at = case when $4 < request_size then clock_timestamp() end
    where org_id = $1 and id = $2 and contacts = $3 and closed_at is null
   returning id`,
);

/** Adds accepted contacts; fewer than make a request close the stream. False where they were added before. */
export async function advanceStream(tx: Tx, stream: StoredStream, offset: number, contacts: number): Promise<boolean> {
  return (await advanceStatement(tx, [stream.org, stream.id, offset, contacts])).length === 1;
}

/** Says that no more contacts follow. */
export async function closeStream(tx: Tx, { org, id }: StoredStream): Promise<void> {
  await execute(
    tx,
    'update outbound_stream set closed_at = clock_timestamp() where org_id = $1 and id = $2 and closed_at is null',
    [org, id],
  );
}

/** An address of a stream: whether a contact refused consent for it, or else one was accepted. */
export interface SeenAddress {
  hash: Buffer;
  optedOut: boolean;
}

const findAddressesStatement = sql.prepared<SeenAddress>(
  'outbound_stream_address_find',
  `select address_hash as hash, opted_out as "optedOut"
     from outbound_stream_address
    where org_id = $1 and outbound_stream_id = $2 and address_hash = any($3::bytea[])`,
);

/** Which of the addresses the stream has seen, and how. */
export function findAddresses(tx: Tx, { org, id }: StoredStream, hashes: readonly Buffer[]): Promise<SeenAddress[]> {
  return findAddressesStatement(tx, [org, id, hashes]);
}

// Consent that was refused once is refused for good, also for an address that was accepted before.
const addAddressesStatement = sql.prepared(
  'outbound_stream_address_add',
  `insert into outbound_stream_address as seen (org_id, outbound_stream_id, address_hash, opted_out)
   select $1, $2, added.hash, added.opted_out
     from unnest($3::bytea[], $4::boolean[]) as added (hash, opted_out)
   on conflict (org_id, outbound_stream_id, address_hash) do update
      set opted_out = true
    where excluded.opted_out and not seen.opted_out`,
);

/** Keeps addresses, each named once. */
export async function addAddresses(tx: Tx, { org, id }: StoredStream, seen: readonly SeenAddress[]): Promise<void> {
  if (seen.length === 0) return;
  await addAddressesStatement(tx, [org, id, seen.map(({ hash }) => hash), seen.map(({ optedOut }) => optedOut)]);
}
