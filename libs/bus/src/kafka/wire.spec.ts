import type { KafkaMessage } from 'kafkajs';
import type { BusRecord } from '../bus';
import { letterFromMessage, letterToMessage } from './dead-letter-topics';
import { fromMessage, toMessage } from './wire';

const TOPIC = 'herald.callback.v1';
const record: BusRecord = {
  ...{ topic: TOPIC, key: 'path/SM1', id: '0190a000-0000-7000-8000-000000000001', source: 'gateway' },
  ...{ type: 'herald.event.v1.ProviderCallbacks', time: new Date('2026-11-24T10:00:00.123Z') },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  payload: new Uint8Array([0, 255, 10]),
};

/** A message as a broker gives it back: all headers are bytes. */
function arrived(message: ReturnType<typeof toMessage>): KafkaMessage {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, Buffer.from(String(value))]);
  return {
    ...{ key: Buffer.from(String(message.key)), value: message.value as Buffer, headers: Object.fromEntries(headers) },
    ...{ offset: '7', timestamp: '1795000000000', attributes: 0 },
  };
}

describe('a record on the wire', () => {
  it('comes back as it went', () => {
    const read = fromMessage(TOPIC, 3, arrived(toMessage(record)));
    expect(read).toEqual({ record: { ...record, partition: 3 }, offset: '7', lacks: [] });
  });

  it('is a CloudEvent in binary mode, with the payload as it is and the trace beside it', () => {
    const { headers, value } = toMessage(record);
    expect(headers).toEqual({
      ...{ ce_specversion: '1.0', ce_id: record.id, ce_type: record.type, ce_source: 'gateway' },
      ...{ ce_time: '2026-11-24T10:00:00.123Z', 'content-type': 'application/protobuf' },
      traceparent: record.traceparent,
    });
    expect([...(value as Buffer)]).toEqual([0, 255, 10]);
  });

  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_time'])('is none of ours without %s, and is kept even so', (name) => {
    const message = arrived(toMessage(record));
    delete message.headers?.[name];
    const { record: kept, lacks } = fromMessage(TOPIC, 3, message);
    expect(lacks).toEqual([name]);
    expect(kept).toMatchObject({ key: record.key, payload: record.payload });
    expect(kept.id).toBe(name === 'ce_id' ? `${TOPIC}/3/7` : record.id);
  });

  it('reads anything at all', () => {
    const nothing = { key: null, value: null, offset: '0', timestamp: '0', attributes: 0, headers: {} };
    expect(fromMessage(TOPIC, 0, nothing).lacks).toEqual(['ce_id', 'ce_type', 'ce_source', 'ce_time', 'key', 'value']);
  });
});

describe('a dead letter on the wire', () => {
  it('holds the record as it was, and who could not handle it and why', () => {
    const letter = { record: { ...record, partition: 3 }, group: 'dispatch-service', reason: 'TypeError', tries: 5 };
    expect(letterFromMessage(arrived(letterToMessage(letter)))).toEqual(letter);
  });
});
