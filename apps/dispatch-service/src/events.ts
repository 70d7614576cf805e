import type { BusRecord } from '@herald/bus';
import { BatchReady, MessageChanges } from '@herald/contracts/event';
import { HeraldError } from '@herald/errors';
import type { OutboxEvent } from '@herald/postgres';

/** What a change of the ledger and its announcement need besides their content. */
export interface EventDeps {
  newId(): string;
  now(): Date;
  /** A number from 0 to 1, excluding 1, that nobody can foresee. */
  chance(): number;
  /** The shard of a key: of an organisation's id, or of `organisation/channel` where its senders are spread. */
  shardOf(key: string): number;
}

/** Records of herald.message.v1 hold at most so many messages. */
const CHANGES_PER_RECORD_MAX = 200;

/** The event of a record, which must say that it is one of this type. Throws REQUEST_MALFORMED for any other. */
export function eventOf<Event>(
  { type, payload }: Pick<BusRecord, 'type' | 'payload'>,
  expected: string,
  message: { decode(bytes: Uint8Array): Event },
): Event {
  if (type === expected) return message.decode(payload);
  throw new HeraldError('REQUEST_MALFORMED', `The record holds no ${expected}.`);
}

/** What the announcement of a batch says. */
export interface ReadyBatch {
  org: string;
  id: string;
  channelId: string;
  priority: number;
  shard: number;
  readyAt: Date;
}

/** The announcement that a batch can be sent; it goes to the partition of the batch's shard, whatever its key. */
export function batchReady(batch: ReadyBatch, { newId, now }: EventDeps): OutboxEvent {
  const { shard } = batch;
  const payload = BatchReady.encode({
    orgId: batch.org,
    batchId: batch.id,
    shard,
    channelId: batch.channelId,
    priority: batch.priority,
    readyTime: batch.readyAt,
  }).finish();
  return {
    topic: 'herald.dispatch.v1',
    key: batch.org,
    partition: shard,
    type: 'herald.event.v1.BatchReady',
    id: newId(),
    time: now(),
    payload,
  };
}

/** A message that has another state, or another reason for it, than before. */
export interface StateChange {
  org: string;
  messageId: string;
  requestId: string;
  version: number;
  state: string;
  reason: string | null;
  providerCode: string | null;
}

/** The announcements of changed messages: per organisation, at most 200 messages each. */
export function messageChanges(changes: readonly StateChange[], { newId, now, shardOf }: EventDeps): OutboxEvent[] {
  const time = now();
  const byOrg = Map.groupBy(changes, ({ org }) => org);
  return [...byOrg].flatMap(([org, all]) => {
    const events: OutboxEvent[] = [];
    for (let from = 0; from < all.length; from += CHANGES_PER_RECORD_MAX) {
      const part = all.slice(from, from + CHANGES_PER_RECORD_MAX);
      const payload = MessageChanges.encode({ orgId: org, changes: part.map((change) => writeChange(change, time)) });
      events.push({
        topic: 'herald.message.v1',
        key: `${org}#${shardOf(org)}`,
        type: 'herald.event.v1.MessageChanges',
        id: newId(),
        time,
        payload: payload.finish(),
      });
    }
    return events;
  });
}

function writeChange(change: StateChange, changeTime: Date) {
  return {
    messageId: change.messageId,
    outboundRequestId: change.requestId,
    version: change.version,
    state: change.state,
    reason: change.reason ?? '',
    providerErrorCode: change.providerCode ?? '',
    changeTime,
  };
}
