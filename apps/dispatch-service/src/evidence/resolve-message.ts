import { Message, MessageState, type ResolveMessageRequest } from '@herald/contracts/dispatch';
import { HeraldError, invalidFields, notFound, type FieldViolation } from '@herald/errors';
import { nameOfCaller } from '@herald/grpc';
import { appendAudit, maybe, sql, type Act, type Database, type Tx } from '@herald/postgres';
import { validate as isUuid } from 'uuid';
import type { EventDeps } from '../events';
import { readMessage } from '../queries/messages';
import { applyEvidence, lock, type LockedMessage } from './evidence-store';
import { OPERATOR_RANKS, stateOf, UNKNOWN_RANK } from './merge';

const EVIDENCE_CHARACTERS_MAX = 500;

/** What resolving needs of the world. */
export interface ResolveDeps extends EventDeps {
  database: Database;
}

type Verdict = keyof typeof OPERATOR_RANKS;

/**
 * Writes what an operator found out about a message of unknown outcome. It outranks what Herald inferred, and any later
 * word of the provider outranks it. A repeat by the same operator, with the same words, changes nothing. Throws
 * MESSAGE_NOT_FOUND, and MESSAGE_NOT_UNKNOWN for a message that has another state by now.
 */
export async function resolveMessage(deps: ResolveDeps, act: Act, request: ResolveMessageRequest): Promise<Message> {
  const { messageId, verdict, evidence } = read(request);
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const locked = await lock(tx, [{ org, messageId }]);
    const message = maybe(locked);
    if (!message) throw notFound('MESSAGE_NOT_FOUND', 'message', messageId);
    const before = await readMessage(tx, org, messageId);
    const said = { rank: OPERATOR_RANKS[verdict], saidBy: nameOfCaller(act.caller), evidence };
    if (await wasSaidBefore(tx, message, said)) return before;
    refuseUnlessUnknown(message);
    const about = { org, messageId, attempt: message.attempt, providerCode: null, providerId: null };
    const reason = verdict === 'FAILED' ? ('RESOLVED_AS_FAILED' as const) : null;
    await applyEvidence(tx, deps, { locked, evidence: [{ ...about, ...said, reason, source: 'OPERATOR' }] });
    const after = await readMessage(tx, org, messageId);
    const subject = { kind: 'message', id: messageId };
    await appendAudit(tx, act, { subject, before: audited(before), after: audited(after) });
    return after;
  });
}

function read({ messageId, state, evidence }: ResolveMessageRequest) {
  const violations: FieldViolation[] = [];
  if (!isUuid(messageId))
    violations.push({ field: 'message_id', description: 'must be a UUID', reason: 'FIELD_MALFORMED' });
  const verdict = VERDICTS.get(state);
  if (verdict === undefined) {
    const description = 'must be SENT, DELIVERED or FAILED';
    violations.push({ field: 'state', description, reason: 'FIELD_UNKNOWN_VALUE' });
  }
  const characters = [...evidence.trim()].length;
  if (characters < 1 || characters > EVIDENCE_CHARACTERS_MAX) {
    const reason = characters === 0 ? 'FIELD_REQUIRED' : 'FIELD_TOO_LONG';
    violations.push({ field: 'evidence', description: 'must have 1 to 500 characters', reason });
  }
  if (violations.length > 0 || verdict === undefined) throw invalidFields(violations);
  return { messageId: messageId.toLowerCase(), verdict, evidence: evidence.trim() };
}

const VERDICTS: ReadonlyMap<MessageState, Verdict> = new Map([
  [MessageState.SENT, 'SENT'],
  [MessageState.DELIVERED, 'DELIVERED'],
  [MessageState.FAILED, 'FAILED'],
]);

function refuseUnlessUnknown(message: LockedMessage): void {
  if (message.rank === UNKNOWN_RANK && stateOf(message) === 'UNKNOWN') return;
  const description = 'Only a message whose outcome is unknown can be resolved.';
  throw new HeraldError('MESSAGE_NOT_UNKNOWN', description, {
    metadata: { messageId: message.id },
    preconditions: [{ type: 'MESSAGE_NOT_UNKNOWN', subject: message.id, description }],
  });
}

/** Whether the operator's words stand already: the answer to the first call was lost. */
async function wasSaidBefore(
  tx: Tx,
  { org, id, attempt, rank }: LockedMessage,
  said: { rank: number; saidBy: string; evidence: string },
): Promise<boolean> {
  if (rank !== said.rank) return false;
  const rows = await sql(
    tx,
    `select 1 from message_step
      where org_id = $1 and message_id = $2 and attempt = $3 and rank = $4 and said_by = $5 and evidence = $6`,
    [org, id, attempt, said.rank, said.saidBy, said.evidence],
  );
  return rows.length > 0;
}

/** What the audit log may keep of a message: no address and no text, nor the evidence, which may hold either. */
function audited({ id, outboundRequestId, attempt, state, reason }: Message): unknown {
  return Message.toJSON(Message.fromPartial({ id, outboundRequestId, attempt, state, reason }));
}
