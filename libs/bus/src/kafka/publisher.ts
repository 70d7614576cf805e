import { Partitioners, type Kafka, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import type { DeliveredRecord } from '../bus';
import { unavailable } from '../delivery';
import { isWithin } from '../within';
import { toMessage } from './wire';

/** Messages of one produce call. */
const CALL_MESSAGES_MAX = 500;
/** Bytes of one produce call: it becomes one record batch, which may not exceed max.message.bytes of the topic. */
const CALL_BYTES_MAX = 224 * 1024;
/** What a message weighs besides its payload: key and headers, rounded up. */
const MESSAGE_OVERHEAD_BYTES = 384;
const SEND_WITHIN_MS = 30_000;
const DISCONNECT_WITHIN_MS = 5_000;
const ALL_IN_SYNC = -1;

/** Puts messages on topics. */
export interface Publisher {
  /** Resolves when the broker answered for every record; throws BUS_UNAVAILABLE when it did not. */
  publish(records: readonly DeliveredRecord[]): Promise<void>;
  /** The same for messages that are made already, to one partition. */
  send(topic: string, partition: number, messages: readonly Message[]): Promise<void>;
  stop(): Promise<void>;
}

type Produces = Pick<Producer, 'connect' | 'send' | 'disconnect'>;

/** A producer as its guards want it: no transactions and no idempotence, both of which kafkajs has faults in. */
export function producerOf(kafka: Kafka): Produces {
  return kafka.producer({ allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner });
}

/** Messages of one publish that wait for their call. */
interface Waiting {
  messages: readonly Message[];
  written: () => void;
  refused: (error: unknown) => void;
}

/**
 * Publishes with one partition of one topic per call, since kafkajs takes a call over several brokers for done when a
 * leader moved under it and one partition was never written (its issue 1303, reproduced). What the broker answered must
 * name just that partition. While a call is under way, what is published to its partition waits and goes together in
 * the next one; when a call fails, all that waits behind it is refused too, so that who repeats finds the order kept.
 *
 * A call that has not ended in 30 s counts as failed, and the producer is replaced after every failure: kafkajs's own
 * state is not to be trusted after an unclear end.
 */
export function publisher(makeProducer: () => Produces, sendWithinMs = SEND_WITHIN_MS): Publisher {
  let current: { connected: Promise<Produces> } | undefined;
  const lines = new Map<string, Waiting[]>();

  const giveUp = (used: { connected: Promise<Produces> }) => {
    if (current === used) current = undefined;
    // Its connections end in the background; whoever publishes next gets a new one at once.
    void used.connected.then((each) => isWithin(each.disconnect(), DISCONNECT_WITHIN_MS)).catch(() => undefined);
  };
  const call = async (topic: string, partition: number, messages: Message[]): Promise<void> => {
    const used = (current ??= { connected: connect(makeProducer()) });
    const sent = used.connected.then((each) => each.send({ topic, messages, acks: ALL_IN_SYNC }));
    try {
      if (!(await isWithin(sent, sendWithinMs))) throw new Error(`no answer within ${sendWithinMs} ms`);
      assertWritten(await sent, topic, partition);
    } catch (error) {
      giveUp(used);
      // What was given up may fail later, when nobody waits for it any more; till then kafkajs repeats it and connects again.
      void sent.catch(() => undefined).then(() => giveUp(used));
      throw unavailable('The event broker did not take the records.', error);
    }
  };
  const run = async (line: Waiting[], topic: string, partition: number, key: string): Promise<void> => {
    while (line.length > 0) {
      const together = takeTogether(line);
      const messages = together.flatMap((each) => each.messages.map((message) => ({ ...message, partition })));
      try {
        for (const part of callsOf(messages)) await call(topic, partition, part);
        for (const { written } of together) written();
      } catch (error) {
        for (const { refused } of [...together, ...line.splice(0)]) refused(error);
      }
    }
    // In the same turn as the last look at it: what came to a line that nobody works on would wait for ever.
    lines.delete(key);
  };
  const send = (topic: string, partition: number, messages: readonly Message[]): Promise<void> =>
    new Promise((written, refused) => {
      const key = `${topic}/${partition}`;
      const line = lines.get(key);
      if (line) return void line.push({ messages, written, refused });
      const begun = [{ messages, written, refused }];
      lines.set(key, begun);
      void run(begun, topic, partition, key);
    });
  return {
    send,
    publish: async (records) => {
      const parts = Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`);
      await Promise.all(
        [...parts.values()].flatMap((part) => {
          const [first] = part;
          return first ? [send(first.topic, first.partition, part.map(toMessage))] : [];
        }),
      );
    },
    stop: async () => {
      const last = current;
      current = undefined;
      // One that never connected has nothing to end.
      const connected = await last?.connected.catch(() => undefined);
      if (connected) await isWithin(connected.disconnect(), DISCONNECT_WITHIN_MS);
    },
  };
}

async function connect(producer: Produces): Promise<Produces> {
  await producer.connect();
  return producer;
}

/** Takes from the front what fits one call, and at least the first. */
function takeTogether(line: Waiting[]): Waiting[] {
  let messages = 0;
  let bytes = 0;
  const past = line.findIndex((waiting, at) => {
    messages += waiting.messages.length;
    bytes += waiting.messages.reduce((sum, message) => sum + sizeOf(message), 0);
    return at > 0 && (messages > CALL_MESSAGES_MAX || bytes > CALL_BYTES_MAX);
  });
  return line.splice(0, past === -1 ? line.length : past);
}

/** Splits messages into calls within the bounds; throws on one that is too large for any, and would stick its consumer. */
export function callsOf(messages: readonly Message[]): Message[][] {
  const calls: Message[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    if (size > CALL_BYTES_MAX) throw new RangeError(`a record has more than ${CALL_BYTES_MAX} bytes`);
    const last = calls.at(-1);
    if (last && last.length < CALL_MESSAGES_MAX && bytes + size <= CALL_BYTES_MAX) last.push(message);
    else {
      calls.push([message]);
      bytes = 0;
    }
    bytes += size;
  }
  return calls;
}

function sizeOf({ value }: Message): number {
  return MESSAGE_OVERHEAD_BYTES + (value === null ? 0 : Buffer.byteLength(value));
}

function assertWritten(answers: readonly RecordMetadata[], topic: string, partition: number): void {
  const [answer] = answers;
  const isWritten =
    answers.length === 1 && answer?.topicName === topic && answer.partition === partition && answer.errorCode === 0;
  if (!isWritten) throw new Error(`the broker answered for other than ${topic}/${partition}`);
}
