import { SendReplyResponse, type SendReplyRequest } from '@herald/contracts/dispatch';
import { nameOfCaller } from '@herald/grpc';
import { answerOnce, appendAudit, appendOutbox, findAnswer, repeatable, single, sql } from '@herald/postgres';
import type { Act, Database, Tx } from '@herald/postgres';
import { countSegments } from '@herald/rendering';
import { VALID_FOR_DEFAULT_MS } from '../accept/send-outbound-messages';
import { shardsFor } from '../accept/sender-shard';
import { insertBatch, insertRequest, type NewReply } from '../accept/store';
import { batchReady, type EventDeps } from '../events';
import { contentOfReply, readReply, type ReplyCommand } from './read-reply';

/** Replies go before what configurations send, which has priority 0. */
const REPLY_PRIORITY = 1;

/** A channel that can be sent through. */
export interface ReplyChannel {
  channelAccountId: string;
  /** Whether each sender of the organisation has a shard of its own. */
  spreadSenders: boolean;
}

/** What sending a reply needs of the world. */
export interface ReplyDeps extends EventDeps {
  database: Database;
  subjects: {
    /** Throws CHANNEL_NOT_FOUND, and where a reply cannot be sent through the channel its reason for that. */
    replyChannel(org: string, id: string, signal: AbortSignal): Promise<ReplyChannel>;
  };
  currentTraceparent(): string | undefined;
}

/**
 * Accepts an agent's reply: a request of one contact without configuration and template, in a batch of its own that is
 * ordered behind the earlier replies of its conversation. It spends none of the hour's requests, since people write it and
 * somebody waits for it. A repeat gets the first answer.
 */
export async function sendReply(
  deps: ReplyDeps,
  act: Act & { signal: AbortSignal },
  request: SendReplyRequest,
): Promise<SendReplyResponse> {
  const command = readReply(request);
  const { requestId } = request;
  const { key, requestHash } = repeatable(act, 'SendReply', { requestId, content: contentOfReply(request) });
  const earlier = await deps.database.read(act.org, (tx) => findAnswer(tx, key, requestHash));
  if (earlier) return SendReplyResponse.decode(earlier);
  const { channelAccountId, spreadSenders } = await deps.subjects.replyChannel(act.org, command.channelId, act.signal);
  const answer = await answerOnce(deps.database, key, requestHash, async (tx) => {
    const reply = await requestOf(tx, deps, act, { ...command, channelAccountId, requestId: key.requestId });
    const response = await store(tx, deps, reply, { ...command, spreadSenders });
    const subject = { kind: 'reply', id: response.messageId };
    await appendAudit(tx, act, { subject, requestId: key.requestId, after: SendReplyResponse.toJSON(response) });
    return SendReplyResponse.encode(response).finish();
  });
  return SendReplyResponse.decode(answer);
}

/** The time of acceptance is the ledger's: the order of a conversation must not depend on a replica's own clock. */
async function requestOf(
  tx: Tx,
  deps: ReplyDeps,
  { org, caller }: Act,
  of: Pick<NewReply, 'channelId' | 'channelAccountId' | 'requestId'>,
): Promise<NewReply> {
  const { createdAt } = single(await sql<{ createdAt: Date }>(tx, 'select ledger_now() as "createdAt"'));
  const { channelId, channelAccountId, requestId } = of;
  return {
    ...{ org, id: deps.newId(), requestId, caller: nameOfCaller(caller), channelId, channelAccountId },
    ...{ channelType: 'SMS', showInTimeline: false, deliveryGuarantee: 'AT_MOST_ONCE', purpose: 'TRANSACTIONAL' },
    ...{ contacts: 1, refusedByReason: {}, createdAt, expiresAt: new Date(createdAt.getTime() + VALID_FOR_DEFAULT_MS) },
  };
}

async function store(
  tx: Tx,
  deps: ReplyDeps,
  reply: NewReply,
  { toAddress, text, conversationId, spreadSenders }: ReplyCommand & { spreadSenders: boolean },
): Promise<SendReplyResponse> {
  const { org, channelId, createdAt } = reply;
  const messageId = deps.newId();
  const { segments } = countSegments(text);
  await insertRequest(tx, reply);
  const ready = { id: deps.newId(), priority: REPLY_PRIORITY, readyAt: createdAt };
  const sequence = { key: conversationId, at: createdAt };
  const shards = shardsFor(deps, { org, channelId, spreadSenders });
  const batch = { ...ready, ...shards, traceparent: deps.currentTraceparent(), sequence };
  const message = { messageId, index: 0, clientReference: undefined, language: null, segments };
  const shard = await insertBatch(tx, reply, batch, [{ ...message, address: toAddress, body: text }]);
  await appendOutbox(tx, [batchReady({ ...ready, org, channelId, shard }, deps)]);
  return { messageId, segments };
}
