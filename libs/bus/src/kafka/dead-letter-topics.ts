import type { KafkaMessage, Message } from 'kafkajs';
import type { DeadLetter } from '../bus';
import { TOPICS } from '../topics';
import { fromMessage, textOf, toMessage } from './wire';

const SUFFIX = '.dlq';

/** Where the dead letters of a group go. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}${SUFFIX}`;
}

/** Whether a topic holds dead letters, of the topic and the group that are named. */
export function holdsDeadLetters(
  name: string,
  of: { topic?: string | undefined; group?: string | undefined },
): boolean {
  const topic = Object.keys(TOPICS).find((each) => name.startsWith(`${each}.`));
  if (topic === undefined || !name.endsWith(SUFFIX)) return false;
  return topic === (of.topic ?? topic) && (of.group === undefined || name === deadLetterTopic(topic, of.group));
}

/**
 * A letter as it goes to its topic: the record as it was, and beside it who could not handle it and why. The topic is
 * compacted, so a letter's key is its record's id, and the record's own key is a header: a letter that comes twice is one.
 */
export function letterToMessage({ record, group, reason, tries }: DeadLetter): Message {
  const message = toMessage(record);
  return {
    ...message,
    key: record.id,
    headers: {
      ...message.headers,
      ...{ 'herald-topic': record.topic, 'herald-partition': String(record.partition), 'herald-key': record.key },
      ...{ 'herald-group': group, 'herald-reason': reason, 'herald-tries': String(tries) },
    },
  };
}

/** What takes a letter out of its topic again. */
export function tombstone(recordId: string): Message {
  return { key: recordId, value: null };
}

/** Reads a letter back. */
export function letterFromMessage(message: KafkaMessage): DeadLetter {
  const header = (name: string) => textOf(message.headers, name) ?? '';
  const key = Buffer.from(header('herald-key'));
  const { record } = fromMessage(header('herald-topic'), Number(header('herald-partition')), { ...message, key });
  return {
    record,
    group: header('herald-group'),
    reason: header('herald-reason'),
    tries: Number(header('herald-tries')),
  };
}
