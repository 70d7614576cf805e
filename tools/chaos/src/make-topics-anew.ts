import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';

const LOOK_EVERY_MS = 100;

/** Deletes the topics of events with all that is in them, and makes them with as many partitions, as an operator would. */
export async function makeTopicsAnew(broker: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker], clientId: 'chaos', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('herald.') && !topic.endsWith('.dlq'));
    const { topics: known } = await admin.fetchTopicMetadata({ topics });
    await admin.deleteTopics({ topics });
    while ((await admin.listTopics()).some((topic) => topics.includes(topic))) await pause(LOOK_EVERY_MS);
    const made = known.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions.length }));
    await admin.createTopics({ topics: made, waitForLeaders: false });
  } finally {
    await admin.disconnect();
  }
}
