import { currentTraceparent } from '@herald/telemetry';
import { sql, type Tx } from './sql';
import { wakeRelayAfterCommit } from './transaction-scope';

/** A fact to be announced; it has happened when the transaction that appends it commits. */
export interface OutboxEvent {
  topic: string;
  /** What must stay in order has the same key. */
  key: string;
  /** Goes to this partition whatever its key. */
  partition?: number;
  /** The full name of the payload's message. */
  type: string;
  /** UUIDv7; consumers know a repeat by it. */
  id: string;
  time: Date;
  payload: Uint8Array;
}

/** Announces facts in the transaction that makes them true; the relay publishes them after its commit, at least once. */
export async function appendOutbox(tx: Tx, events: readonly OutboxEvent[]): Promise<void> {
  if (events.length === 0) return;
  await insertEvents(tx, [
    events.map((event) => event.id),
    events.map((event) => event.topic),
    events.map((event) => event.key),
    events.map((event) => event.partition ?? null),
    events.map((event) => event.type),
    events.map((event) => event.time),
    currentTraceparent() ?? null,
    events.map((event) => Buffer.from(event.payload)),
  ]);
  wakeRelayAfterCommit();
}

const insertEvents = sql.prepared(
  'outbox_insert',
  `insert into outbox (id, topic, key, partition, type, time, traceparent, payload)
   select e.id, e.topic, e.key, e.partition, e.type, e.time, $7, e.payload
     from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::timestamptz[], $8::bytea[])
          as e (id, topic, key, partition, type, time, payload)`,
);
