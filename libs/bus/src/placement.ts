import assert from 'node:assert';
import type { BusRecord, DeliveredRecord } from './bus';
import { insideHandler } from './delivery';
import { partitionOf } from './partition';
import { isTopic } from './topics';

/** Refuses a publish where none may be: in a handler or a transaction, which are programming errors on any transport. */
export function assertMayPublish(forbidden: (() => boolean) | undefined): void {
  assert(!insideHandler(), 'A bus handler must not publish: it appends to its outbox.');
  assert(!forbidden?.(), 'Nothing is published inside a transaction: append to its outbox.');
}

/**
 * A record with its partition: the one its publisher gave, else that of its key. Throws where there is no such topic or
 * partition.
 */
export function placed(record: BusRecord, partitionsOf: (topic: string) => number): DeliveredRecord {
  assert(isTopic(record.topic), `There is no topic ${record.topic}.`);
  const count = partitionsOf(record.topic);
  const partition = record.partition ?? partitionOf(record.key, count);
  const isThere = Number.isInteger(partition) && partition >= 0 && partition < count;
  assert(isThere, `${record.topic} has ${count} partitions, and ${partition} is none of them.`);
  return { ...record, partition };
}
