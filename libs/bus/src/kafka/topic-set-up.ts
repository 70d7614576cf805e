import { setTimeout as pause } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';

const DAY_MS = 86_400_000;

/** How a topic is made where it does not exist. */
export interface TopicSetting {
  partitions: number;
  retentionMs: number;
  /** Whether of the records of one key only the newest is kept, and none once that is empty. */
  isCompacted?: boolean;
}

/** Copies of each partition, or as many as there are brokers; with three one may be away, and two must have a record. */
const REPLICAS_MAX = 3;
/** A record batch is at most this large, so that one fetch of a partition (1 MiB) always holds one. */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** How long a record waits for a group that is away; Postgres holds the truth, and a sweeper finds what is older. */
export const RETENTION_MS = 7 * DAY_MS;
/** How long an operator has to look at a dead letter. */
export const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;
const MADE_WITHIN_MS = 15_000;
const LOOK_AGAIN_MS = 100;

/**
 * Makes the topics that do not exist, and returns how many partitions each has. Throws where one has another number than
 * its setting says: records would go to other partitions than those that wait in an outbox, and shards to other owners.
 */
export async function setUpTopics(
  admin: Pick<Admin, 'listTopics' | 'createTopics' | 'fetchTopicMetadata' | 'describeCluster'>,
  settings: Readonly<Record<string, TopicSetting>>,
): Promise<Map<string, number>> {
  const there = new Set(await admin.listTopics());
  const missing = Object.entries(settings).filter(([topic]) => !there.has(topic));
  if (missing.length > 0) {
    const replicas = Math.min((await admin.describeCluster()).brokers.length, REPLICAS_MAX);
    const topics = missing.map(([topic, setting]) => configOf(topic, setting, replicas));
    // False says that another replica of the service made them at the same moment.
    await admin.createTopics({ topics, waitForLeaders: false, timeout: MADE_WITHIN_MS });
  }
  const counts = await partitionsOf(admin, Object.keys(settings));
  const wrong = Object.entries(settings).filter(([topic, { partitions }]) => counts.get(topic) !== partitions);
  if (wrong.length === 0) return counts;
  const differences = wrong.map(
    ([topic, { partitions }]) => `${topic} has ${counts.get(topic) ?? 0}, not ${partitions}`,
  );
  throw new Error(
    `Topics have other numbers of partitions than this installation was made with: ${differences.join('; ')}. ` +
      'Set HERALD_SHARDS to what they have, or empty the outboxes and make the topics anew.',
  );
}

/**
 * A topic that was just made is not known to every broker yet, and whoever asks too soon is told that there is none. We
 * wait ourselves: kafkajs's own waiting gives up on just that answer.
 */
async function partitionsOf(admin: Pick<Admin, 'fetchTopicMetadata'>, topics: string[]): Promise<Map<string, number>> {
  const deadline = performance.now() + MADE_WITHIN_MS;
  for (;;) {
    try {
      const metadata = await admin.fetchTopicMetadata({ topics });
      return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(LOOK_AGAIN_MS);
    }
  }
}

function configOf(topic: string, setting: TopicSetting, replicas: number): ITopicConfig {
  const { partitions, retentionMs, isCompacted = false } = setting;
  return {
    ...{ topic, numPartitions: partitions, replicationFactor: replicas },
    configEntries: [
      { name: 'cleanup.policy', value: isCompacted ? 'compact,delete' : 'delete' },
      { name: 'retention.ms', value: String(retentionMs) },
      { name: 'max.message.bytes', value: String(MESSAGE_BYTES_MAX) },
      { name: 'min.insync.replicas', value: replicas === REPLICAS_MAX ? '2' : '1' },
      { name: 'unclean.leader.election.enable', value: 'false' },
    ],
  };
}
