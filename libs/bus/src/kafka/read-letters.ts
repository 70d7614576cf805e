import { randomUUID } from 'node:crypto';
import type { Admin, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { KeptLetter } from '../dead-letter-desk';
import { unavailable } from '../delivery';
import { isWithin } from '../within';
import { letterFromMessage } from './dead-letter-topics';

/** Letters held at once, with their payloads; those behind them are counted. */
const LETTERS_HELD_MAX = 10_000;
const READ_WITHIN_MS = 120_000;

/** What lies in topics of dead letters. */
export interface KeptLetters {
  letters: KeptLetter[];
  /** How many letters there are besides. */
  beyond: number;
}

/**
 * Reads topics of dead letters from their beginning to where they end now, and folds them by key: of a letter that was
 * written twice the newer counts, and what has a tombstone is none. Throws BUS_UNAVAILABLE when that takes two minutes.
 */
export async function readToTheEnd(
  { kafka, admin }: { kafka: Kafka; admin: Admin },
  topics: readonly string[],
  isWanted: (letter: KeptLetter) => boolean,
): Promise<KeptLetters> {
  const ends = await endsOf(admin, topics);
  const fold = new Fold(isWanted);
  if (ends.size === 0) return fold.letters();
  const groupId = `herald-dlq.${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false });
  const isRead = Promise.withResolvers<void>();
  // Its payload names what was read also where compaction left nothing of it, and no batch comes.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
    const place = `${topic}/${partition}`;
    if (Number(lastOffset) + 1 >= (ends.get(place) ?? Infinity)) ends.delete(place);
    if (ends.size === 0) isRead.resolve();
  });
  consumer.on(consumer.events.CRASH, ({ payload: { error } }) => isRead.reject(error));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...new Set([...ends.keys()].map(topicOf))], fromBeginning: true });
    const eachBatch = async ({ batch }: EachBatchPayload) =>
      batch.messages.forEach((each) => fold.add(batch.topic, each));
    const running = consumer.run({ autoCommit: false, eachBatch }).then(() => isRead.promise);
    if (!(await isWithin(running, READ_WITHIN_MS))) throw unavailable('The dead letters could not be read in time.');
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
  return fold.letters();
}

/** Where each partition ends that holds anything, as `topic/partition`. */
async function endsOf(admin: Admin, topics: readonly string[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic))
      if (Number(high) > Number(low)) ends.set(`${topic}/${partition}`, Number(high));
  }
  return ends;
}

function topicOf(place: string): string {
  return place.slice(0, place.lastIndexOf('/'));
}

/** Letters by the key of their messages, in each topic. */
class Fold {
  readonly #held = new Map<string, KeptLetter>();
  readonly #beyond = new Set<string>();

  constructor(private readonly isWanted: (letter: KeptLetter) => boolean) {}

  add(topic: string, message: KafkaMessage): void {
    const key = `${topic}/${String(message.key)}`;
    if (message.value === null) {
      this.#held.delete(key);
      this.#beyond.delete(key);
      return;
    }
    const letter = { ...letterFromMessage(message), deadAt: new Date(Number(message.timestamp)) };
    if (!this.isWanted(letter)) return;
    if (this.#held.has(key) || this.#held.size < LETTERS_HELD_MAX) this.#held.set(key, letter);
    else this.#beyond.add(key);
  }

  letters(): KeptLetters {
    return { letters: [...this.#held.values()], beyond: this.#beyond.size };
  }
}
