import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { BusRecord, DeliveredRecord } from '../bus';

/** The binary mode of CloudEvents over Kafka: attributes are headers, the payload is the value as it is. */
const CONTENT_TYPE = 'application/protobuf';
const SPEC_VERSION = '1.0';

/** A record as it goes to a broker. */
export function toMessage({ id, type, time, source, key, payload, traceparent }: BusRecord): Message {
  return {
    key,
    value: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    headers: {
      ...{ ce_specversion: SPEC_VERSION, ce_id: id, ce_type: type, ce_source: source, ce_time: time.toISOString() },
      'content-type': CONTENT_TYPE,
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** A message as it came, and what it lacks to be a record of ours: the names of headers, key or value. */
export interface ReadMessage {
  record: DeliveredRecord;
  offset: string;
  lacks: readonly string[];
}

/** Reads a message from a broker. It never throws: what is not one of ours is a dead letter, and must be kept as it is. */
export function fromMessage(topic: string, partition: number, message: KafkaMessage): ReadMessage {
  const { key, value, offset } = message;
  const header = (name: string) => textOf(message.headers, name);
  const [id, type, source, traceparent] = ['ce_id', 'ce_type', 'ce_source', 'traceparent'].map(header);
  const time = timeOf(header('ce_time'));
  const needed = { ce_id: id, ce_type: type, ce_source: source, ce_time: time, key, value };
  const record: DeliveredRecord = {
    ...{ topic, partition, key: String(key ?? ''), payload: new Uint8Array(value ?? []) },
    ...{ id: id ?? `${topic}/${partition}/${offset}`, type: type ?? '', source: source ?? '' },
    time: time ?? new Date(Number(message.timestamp)),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return { record, offset, lacks: namesOfMissing(needed) };
}

function timeOf(text: string | undefined): Date | undefined {
  const time = new Date(text ?? NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function namesOfMissing(parts: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(parts).flatMap(([name, part]) => (part === undefined || part === null ? [name] : []));
}

/** The text of a header; of one that came several times, the first. */
export function textOf(headers: IHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first?.toString();
}
