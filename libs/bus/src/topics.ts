/** What a topic carries, what must stay in order in it, and who talks to whom. */
export interface TopicRow {
  /** What the key is made of; records of one key stay in order. */
  key: string;
  /** How a record finds its partition: from its key, or from the number its publisher gave. */
  partition: 'of the key' | 'the shard, given by the publisher';
  what: string;
  from: string;
  to: string;
}

/** Every topic there is: the in-process bus refuses any other, as a broker that creates no topics would. */
export const TOPICS = {
  'herald.entity.v1': {
    key: 'org',
    partition: 'of the key',
    what: "system events of the caller's world: a case created, an order delayed, a contact changed",
    from: 'callers',
    to: 'dispatch (flows), conversation (customers)',
  },
  'herald.configuration.v1': {
    key: 'org/kind/id',
    partition: 'of the key',
    what: 'something about a configuration, template, flow or account changed: drop it from your cache (one group per replica)',
    from: 'configuration, template',
    to: 'all',
  },
  'herald.dispatch.v1': {
    key: 'org',
    partition: 'the shard, given by the publisher',
    what: 'a batch is ready',
    from: 'dispatch',
    to: 'dispatch',
  },
  'herald.message.v1': {
    key: 'org#shard',
    partition: 'of the key',
    what: 'outcomes and settled statuses, up to 200 messages a record, each with its version; sending is not published',
    from: 'dispatch',
    to: 'conversation (timeline), callers',
  },
  'herald.callback.v1': {
    key: 'event id',
    partition: 'of the key',
    what: 'verified status callbacks, up to 500 a record; they merge to the same end in any order',
    from: 'gateway',
    to: 'dispatch',
  },
  'herald.inbound.v1': {
    key: 'org/channel/address',
    partition: 'of the key',
    what: 'a verified inbound message, normalised',
    from: 'gateway',
    to: 'conversation, dispatch (consent)',
  },
  'herald.conversation.v1': {
    key: 'conversation id',
    partition: 'of the key',
    what: 'opened, assigned, transferred, closed',
    from: 'conversation',
    to: 'callers',
  },
} as const satisfies Record<string, TopicRow>;

/** The name of a topic, as it stands in TOPICS. */
export type Topic = keyof typeof TOPICS;

/** Whether a name is one of the topics. */
export function isTopic(name: string): name is Topic {
  return Object.hasOwn(TOPICS, name);
}
