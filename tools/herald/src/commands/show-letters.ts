import type { KeptLetter } from '@herald/bus';
import * as events from '@herald/contracts/event';

/** A letter in a list: without its record's payload. */
export function listedLetter({ record, group, reason, tries, deadAt }: KeptLetter) {
  return {
    id: record.id,
    topic: record.topic,
    group,
    type: record.type,
    reason,
    tries,
    deadTime: deadAt.toISOString(),
  };
}

/**
 * A record, as JSON names its fields, and the letter of each group that could not handle it. It never shows a phone number or
 * what anybody wrote.
 */
export function shownRecord(letters: readonly [KeptLetter, ...KeptLetter[]]): Record<string, unknown> {
  const [{ record }] = letters;
  const { id, topic, partition, type, source, time, traceparent } = record;
  return {
    ...{ id, topic, partition, key: keyOf(record), type, source, time: time.toISOString(), traceparent },
    ...contentOf(record),
    letters: letters.map(({ group, reason, tries, deadAt }) => ({
      group,
      reason,
      tries,
      deadTime: deadAt.toISOString(),
    })),
  };
}

const PACKAGE = 'herald.event.v1.';
const WITHHELD = '[withheld]';

/**
 * The fields of each event that are shown: ids and facts. All else may be what customers are or wrote, or values of the
 * caller's world, and a screen of a terminal or a log of it is no place for that; a new field is withheld until it stands here.
 */
const SHOWN = {
  BatchReady: ['orgId', 'batchId', 'shard', 'channelId', 'priority', 'readyTime'],
  MessageChanges: ['orgId', 'changes'],
  ConfigurationChanged: ['orgId', 'kind', 'id'],
  ProviderCallbacks: ['callbacks'],
  InboundMessage: [
    ...(['orgId', 'channelAccountId', 'provider', 'channelType', 'providerMessageId'] as const),
    ...(['repliedToProviderMessageId', 'optOutType', 'receiveTime'] as const),
  ],
  EntityEvent: ['orgId', 'eventId', 'entityType', 'entityId', 'action', 'eventTime'],
  ConversationChanged: ['orgId', 'conversationId', 'version', 'change', 'agentId', 'queueId', 'changeTime'],
} as const satisfies {
  [Name in EventName]: readonly (keyof ReturnType<(typeof events)[Name]['create']>)[];
};

type EventName =
  | 'BatchReady'
  | 'MessageChanges'
  | 'ConfigurationChanged'
  | 'ProviderCallbacks'
  | 'InboundMessage'
  | 'EntityEvent'
  | 'ConversationChanged';

/** Topics whose records hold such things, so that bytes which cannot be read are not shown either. */
const PERSONAL_TOPICS: readonly string[] = ['herald.inbound.v1', 'herald.entity.v1'];

/** The key, without the customer's address where it ends with one: `org/channel/address`. */
function keyOf({ topic, key }: KeptLetter['record']): string {
  if (topic !== 'herald.inbound.v1') return key;
  return [...key.split('/').slice(0, 2), WITHHELD].join('/');
}

/** The event, or the bytes in base64 where they are none: those are dead letters too. */
function contentOf({ topic, type, payload }: KeptLetter['record']): { event: unknown } | { payload: string } {
  const bytes = PERSONAL_TOPICS.includes(topic)
    ? `${WITHHELD}, ${payload.byteLength} bytes`
    : Buffer.from(payload).toString('base64');
  const name = type.startsWith(PACKAGE) ? type.slice(PACKAGE.length) : '';
  if (!isEventName(name)) return { payload: bytes };
  try {
    return { event: withoutWithheld(name, eventOf(name, payload)) };
  } catch {
    return { payload: bytes };
  }
}

function eventOf(name: EventName, payload: Uint8Array): object {
  const message: { decode(bytes: Uint8Array): unknown; toJSON(event: never): unknown } = events[name];
  return message.toJSON(message.decode(payload) as never) as object;
}

function withoutWithheld(name: EventName, event: object): object {
  const shown: readonly string[] = SHOWN[name];
  return Object.fromEntries(
    Object.entries(event).map(([field, value]) => [field, shown.includes(field) ? (value as unknown) : WITHHELD]),
  );
}

function isEventName(name: string): name is EventName {
  return Object.hasOwn(SHOWN, name);
}
