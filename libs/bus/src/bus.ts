/** One event on its way: ids and facts already committed, as protobuf of herald.event.v1. */
export interface BusRecord {
  /** A row of TOPICS. */
  topic: string;
  /** What must stay in order: records of one key reach a group in the order they were published. */
  key: string;
  /** Given, it wins over the key's own partition. */
  partition?: number;
  /** The event's id. It is the same at every delivery, so that a handler can tell a repetition. */
  id: string;
  /** The name of the payload's message, e.g. `herald.event.v1.BatchReady`. */
  type: string;
  time: Date;
  /** The service it comes from. */
  source: string;
  /** The W3C trace context of what caused it; a handler that works on the record links to it. */
  traceparent?: string;
  /** Shared by all groups: never write into it. */
  payload: Uint8Array;
}

/** A record as a handler gets it: it carries the partition it came by. */
export type DeliveredRecord = BusRecord & { partition: number };

/** What a handler is told besides its records. */
export interface HandlerContext {
  /** Aborted when the bus stops and its drain limit has passed: what is not done then is delivered again. */
  signal: AbortSignal;
}

/** A group's wish for the records of one topic. */
export interface Subscription {
  topic: string;
  /** Every group is handed every record. */
  group: string;
  /**
   * Whether replicas of the group share its records, which is so if left out, or each is handed all of them: those that are
   * published once it has joined. What a handler of the second kind cannot handle is passed over and is no dead letter, for
   * such a handler does nothing but drop what it keeps in memory.
   */
  sharing?: 'shared' | 'each-replica';
  /**
   * Told which partitions of the topic this replica has, all of them, whenever that may have changed: once it has joined,
   * before the first record of them, and at every rebalance. Nothing is told at the end. It must not throw.
   */
  onAssigned?: (partitions: readonly number[]) => void;
  /**
   * Handles records of one partition, in order. To resolve says that their effect is durable; to throw asks for them
   * again, so it must bear a repetition. It never publishes, nor calls what does: it appends to its outbox.
   */
  handler: (records: readonly DeliveredRecord[], context: HandlerContext) => Promise<void>;
}

/** A subscription at work. */
export interface RunningSubscription {
  /**
   * Lets the handler finish within a limit, and hands it nothing any more. What a service's handlers use is closed only
   * after that; the bus itself stops later, when all services have. Stopping twice is harmless.
   */
  stop(): Promise<void>;
}

/** What moves events between services: at least once, in order per key, to every group on its own. */
export interface Bus {
  /**
   * Resolves when the transport answers for the records: each will be handled, or dead-lettered, by every group.
   * Throws BUS_UNAVAILABLE when it cannot; some of the records may be handled even so, and all are to be repeated.
   * Refused inside a database transaction and inside a handler, which are programming errors.
   */
  publish(records: readonly BusRecord[]): Promise<void>;
  /** Hands the topic's records from now on to the handler. A group subscribes to a topic once. */
  subscribe(subscription: Subscription): RunningSubscription;
  /** Refuses new publishes, lets handlers finish within a limit, and resolves when none runs. May be called twice. */
  stop(): Promise<void>;
  /** Resolves while the bus takes records, throws BUS_UNAVAILABLE when it does not: a health check. */
  ping(): Promise<void>;
}

/** A record that one group could not handle, with why. */
export interface DeadLetter {
  record: DeliveredRecord;
  group: string;
  /** The reason and text of a HeraldError, else only the error's name: a foreign error's text may hold an address. */
  reason: string;
  /** How often the group tried, alone or in a batch. */
  tries: number;
}

/** Where dead letters wait for an operator. */
export interface DeadLetterStore {
  /** Resolves when the letter is durable. It may come again after a crash: (topic, group, record id) is one letter. */
  add(letter: DeadLetter): Promise<void>;
}
