import { eventually } from '@herald/testing';
import type { Message, ProducerRecord, RecordMetadata } from 'kafkajs';
import type { DeliveredRecord } from '../bus';
import { gate } from '../testing/audience';
import { callsOf, publisher } from './publisher';

const TOPIC = 'herald.callback.v1';

const record = (id: string, partition = 0, payload = new Uint8Array()): DeliveredRecord => ({
  ...{ topic: TOPIC, key: 'k', partition, id, type: 't', source: 's', payload, time: new Date(0) },
});

/** A producer that answers as it is told, and remembers its calls. */
class ProducerThatAnswers {
  readonly calls: { topic: string; partitions: unknown[]; ids: unknown[] }[] = [];
  isConnected = false;
  disconnects = 0;

  constructor(private readonly answer: (call: ProducerRecord) => Promise<RecordMetadata[]>) {}

  async connect(): Promise<void> {
    this.isConnected = true;
  }

  async disconnect(): Promise<void> {
    this.disconnects += 1;
    this.isConnected = false;
  }

  async send(call: ProducerRecord): Promise<RecordMetadata[]> {
    this.calls.push({
      topic: call.topic,
      partitions: call.messages.map(({ partition }) => partition),
      ids: call.messages.map(({ headers }) => headers?.['ce_id']),
    });
    return this.answer(call);
  }
}

const written = async ({ topic, messages }: ProducerRecord): Promise<RecordMetadata[]> => [
  { topicName: topic, partition: messages[0]?.partition ?? -1, errorCode: 0 },
];

describe('publisher', () => {
  it('asks one partition of one topic in a call, and names it for every message', async () => {
    const producer = new ProducerThatAnswers(written);
    await publisher(() => producer).publish([record('a', 0), record('b', 1), record('c', 0)]);
    expect(producer.calls.map(({ partitions, ids }) => [partitions, ids])).toEqual([
      [
        [0, 0],
        ['a', 'c'],
      ],
      [[1], ['b']],
    ]);
  });

  it('ends the connection, too, that a call opened which was given up already, as kafkajs does to repeat it', async () => {
    const failed = gate();
    const producer: ProducerThatAnswers = new ProducerThatAnswers(async () => {
      await failed.opened;
      producer.isConnected = true;
      throw new Error('The last try failed.');
    });
    await expect(publisher(() => producer, 10).send(TOPIC, 0, [{ value: 'v' }])).rejects.toThrow();
    expect(producer.isConnected).toBe(false);
    failed.open();
    await eventually(() => expect([producer.isConnected, producer.disconnects]).toEqual([false, 2]));
  });

  it('takes a message that comes in the very moment the one before it was written', async () => {
    const { send } = publisher(() => new ProducerThatAnswers(written));
    await send(TOPIC, 0, [{ value: 'first' }]);
    await expect(send(TOPIC, 0, [{ value: 'second' }])).resolves.toBeUndefined();
  });

  it.each<[string, RecordMetadata[]]>([
    ['for nothing, as kafkajs does when a leader moved', []],
    ['for another partition', [{ topicName: TOPIC, partition: 1, errorCode: 0 }]],
    ['for another topic', [{ topicName: 'herald.inbound.v1', partition: 0, errorCode: 0 }]],
    ['with an error code', [{ topicName: TOPIC, partition: 0, errorCode: 7 }]],
  ])('does not believe a broker that answers %s', async (_how, answers) => {
    const published = publisher(() => new ProducerThatAnswers(async () => answers)).publish([record('a')]);
    await expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
  });

  it('gives a call up that does not end, and takes a new producer for the next', async () => {
    const made: ProducerThatAnswers[] = [];
    const answers = [() => new Promise<never>(() => undefined), written];
    const bus = publisher(() => {
      const producer = new ProducerThatAnswers(answers[made.length] ?? written);
      made.push(producer);
      return producer;
    }, 10);
    await expect(bus.publish([record('a')])).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
    await bus.publish([record('a')]);
    expect(made.map(({ isConnected }) => isConnected)).toEqual([false, true]);
  });

  it('sends together what came while a call was under way', async () => {
    const held = gate();
    const producer = new ProducerThatAnswers(async (call) => {
      await held.opened;
      return written(call);
    });
    const bus = publisher(() => producer);
    const published = ['a', 'b', 'c'].map((id) => bus.publish([record(id)]));
    held.open();
    await Promise.all(published);
    expect(producer.calls.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  });

  it('refuses what waits behind a failed call, so that a repetition keeps the order', async () => {
    const producer = new ProducerThatAnswers(async () => Promise.reject(new Error('the broker is gone')));
    const bus = publisher(() => producer);
    const published = await Promise.allSettled(['a', 'b'].map((id) => bus.publish([record(id)])));
    expect(published.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(producer.calls.map(({ ids }) => ids)).toEqual([['a']]);
  });
});

describe('callsOf', () => {
  const message = (bytes: number): Message => ({ value: Buffer.alloc(bytes) });

  it('keeps a call to 500 messages', () => {
    expect(callsOf(Array.from({ length: 1_001 }, () => message(1))).map((call) => call.length)).toEqual([500, 500, 1]);
  });

  it('keeps a call under what a topic takes as one batch', () => {
    const calls = callsOf(Array.from({ length: 10 }, () => message(50_000)));
    expect(calls.map((call) => call.length)).toEqual([4, 4, 2]);
  });

  it('refuses a message that no call can hold', () => {
    expect(() => callsOf([message(230_000)])).toThrow(RangeError);
  });
});
