import type { DeadLetter } from '../bus';
import type { KafkaMessage, Message } from 'kafkajs';
import { fromMessage, textOf, toMessage } from './wire';

/** Where the dead letters of a group go. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}.dlq`;
}

/** A letter as it goes to its topic: the record as it was, and beside it who could not handle it and why. */
export function letterToMessage({ record, group, reason, tries }: DeadLetter): Message {
  const message = toMessage(record);
  return {
    ...message,
    headers: {
      ...message.headers,
      ...{ 'herald-topic': record.topic, 'herald-partition': String(record.partition) },
      ...{ 'herald-group': group, 'herald-reason': reason, 'herald-tries': String(tries) },
    },
  };
}

/** Reads a letter back. */
export function letterFromMessage(message: KafkaMessage): DeadLetter {
  const header = (name: string) => textOf(message.headers, name) ?? '';
  const { record } = fromMessage(header('herald-topic'), Number(header('herald-partition')), message);
  return {
    record,
    group: header('herald-group'),
    reason: header('herald-reason'),
    tries: Number(header('herald-tries')),
  };
}
