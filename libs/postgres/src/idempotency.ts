import { createHash } from 'node:crypto';
import { HeraldError } from '@herald/errors';
import { nameOfCaller, type CallContext } from '@herald/grpc';
import type { Database } from './database';
import { execute, maybe, sql, type Tx } from './sql';

/** Who asked what under which id: the scope in which a request id is unique. */
export interface IdempotencyKey {
  org: string;
  caller: string;
  rpc: string;
  requestId: string;
}

/** A call that may be repeated: the key its answer is kept under, and the hash that tells a repeat from a reused id. */
export interface Repeatable {
  key: IdempotencyKey;
  requestHash: Buffer;
}

/** What answerOnce is told of a call: who calls, which RPC, its request id, and what was read of it. */
export function repeatable(
  { org, caller }: Pick<CallContext, 'org' | 'caller'>,
  rpc: string,
  { requestId, content }: { requestId: string; content: object },
): Repeatable {
  return {
    key: { org, caller: nameOfCaller(caller), rpc, requestId: requestId.toLowerCase() },
    requestHash: requestHash(content),
  };
}

/** The first answer to a request id, and the hash of what was asked. */
export interface StoredAnswer {
  requestHash: Buffer;
  response: Buffer;
}

const findAnswerStatement = sql.prepared<StoredAnswer>(
  'idempotency_find',
  `select request_hash as "requestHash", response
     from idempotency
    where org_id = $1 and caller = $2 and rpc = $3 and request_id = $4`,
);

/** The answer that was given to this request id before. Throws REQUEST_ID_REUSED when it was another question. */
export async function findAnswer(tx: Tx, key: IdempotencyKey, requestHash: Buffer): Promise<Buffer | undefined> {
  const found = maybe(await findAnswerStatement(tx, [key.org, key.caller, key.rpc, key.requestId]));
  if (!found || found.requestHash.equals(requestHash)) return found?.response;
  throw new HeraldError(
    'REQUEST_ID_REUSED',
    'This request_id was used for a call with other content. Use a new id for a new call, and the same content for a repeat.',
    { metadata: { requestId: key.requestId } },
  );
}

const claimStatement = sql.prepared<{ isOurs: boolean }>(
  'idempotency_claim',
  `insert into idempotency (org_id, caller, rpc, request_id, request_hash, response, created_at)
   values ($1, $2, $3, $4, $5, $6, clock_timestamp())
   on conflict (org_id, caller, rpc, request_id) do nothing
   returning true as "isOurs"`,
);

/**
 * Claims the request id; false when another call has it. The insert waits for a transaction that is just inserting the
 * same id, so that a false is final: by then the other's answer is committed and can be read.
 */
export async function claimRequestId(tx: Tx, key: IdempotencyKey, answer: StoredAnswer): Promise<boolean> {
  const { org, caller, rpc, requestId } = key;
  const claimed = await claimStatement(tx, [org, caller, rpc, requestId, answer.requestHash, answer.response]);
  return claimed.length === 1;
}

/** The answer of the call that held the request id when ours wanted it; its transaction is over by now. */
export async function theWinnersAnswer(database: Database, key: IdempotencyKey, requestHash: Buffer): Promise<Buffer> {
  const answer = await database.read(key.org, (tx) => findAnswer(tx, key, requestHash));
  if (answer) return answer;
  throw requestIdTaken();
}

/** The refusal of a call whose request id another call has, which gave no answer that can be read yet. */
export function requestIdTaken(): HeraldError {
  return new HeraldError('DATABASE_BUSY', 'The first call with this request_id has just ended. Repeat the call.');
}

/**
 * Does `work` once for a request id and answers every repeat with the first answer. Id, work and answer are one
 * transaction: a failure leaves no id behind. Throws REQUEST_ID_REUSED when the id belongs to other content.
 */
export async function answerOnce(
  database: Database,
  key: IdempotencyKey,
  requestHash: Buffer,
  work: (tx: Tx) => Promise<Uint8Array>,
): Promise<Buffer> {
  const earlier = await database.read(key.org, (tx) => findAnswer(tx, key, requestHash));
  if (earlier) return earlier;
  const answer = await database.transaction(key.org, async (tx) => {
    if (!(await claimRequestId(tx, key, { requestHash, response: Buffer.alloc(0) }))) return undefined;
    const response = Buffer.from(await work(tx));
    await execute(
      tx,
      'update idempotency set response = $5 where org_id = $1 and caller = $2 and rpc = $3 and request_id = $4',
      [key.org, key.caller, key.rpc, key.requestId, response],
    );
    return response;
  });
  return answer ?? theWinnersAnswer(database, key, requestHash);
}

/**
 * SHA-256 of a request's canonical form, to tell a repeat from a reused id. Keys are sorted at every depth, because
 * proto maps have no order on the wire: the same entries in another order are the same request.
 */
export function requestHash(request: object): Buffer {
  return createHash('sha256').update(canonical(request)).digest();
}

function canonical(value: unknown): string {
  if (value instanceof Date) return JSON.stringify(value.toISOString());
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}
