import { describeWithKafka } from '@herald/testing';
import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../bus';
import type { DeliveryFault } from '../delivery';
import { busContract } from '../testing';
import { kafkaClient } from './connect';
import { letterFromMessage } from './dead-letter-topics';
import { kafkaBus } from './kafka-bus';

const PARTITIONS = 4;
const clock = { monotonicMs: () => performance.now() };

describeWithKafka('kafkaBus', (kafka) => {
  busContract('kafkaBus', async ({ forbidden }) => {
    const connection = { brokers: [kafka().broker], clientId: `spec-${randomUUID()}` };
    const dead: Error[] = [];
    const faults: DeliveryFault[] = [];
    const bus = await kafkaBus({
      ...{ connection, partitions: PARTITIONS, clock },
      ...{ onDead: (error) => dead.push(error), onTrouble: () => undefined, onFault: (fault) => faults.push(fault) },
      forbidden,
      retryDelaysMs: [10, 10, 10, 10],
    });
    return {
      bus,
      partitions: PARTITIONS,
      faults: () => faults,
      deadLetters: () => lettersOf(kafka().broker),
      close: async () => {
        await bus.stop();
        expect(dead).toEqual([]);
      },
    };
  });
});

/** Reads all dead letters there are, of every topic. */
async function lettersOf(broker: string): Promise<DeadLetter[]> {
  const kafka = kafkaClient({ brokers: [broker], clientId: 'letters' });
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.endsWith('.dlq'));
  let expected = 0;
  for (const topic of topics) {
    for (const { high, low } of await admin.fetchTopicOffsets(topic)) expected += Number(high) - Number(low);
  }
  await admin.disconnect();
  const letters: DeadLetter[] = [];
  if (expected === 0) return letters;
  const consumer = kafka.consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          letters.push(letterFromMessage(message));
          if (letters.length === expected) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return letters;
}
