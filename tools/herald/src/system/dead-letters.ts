import type { DeadLetterStore } from '@herald/bus';
import { execute, openDatabase, orgFunction, workTable, type Database, type Migration } from '@herald/postgres';

/** The schema of the one-process system's own bus. */
export const busMigrations: readonly Migration[] = [
  {
    name: '0001-dead-letters',
    up: `
${orgFunction}

-- Work table: records that a group of consumers could not handle, until an operator looks at them.
create table dead_letter (
  topic text not null,
  consumer_group text not null,
  record_id uuid not null,
  key text not null,
  partition int not null,
  type text not null,
  source text not null,
  time timestamptz not null,
  traceparent text,
  payload bytea not null,
  reason text not null,
  tries int not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (topic, consumer_group, record_id)
);
${workTable('dead_letter', { worker: 'select, insert, delete' })}
`,
  },
  {
    name: '0002-redrive',
    up: `
-- Set by an operator; the running system publishes the record again, and deletes the row after that.
alter table dead_letter add column redrive_requested_at timestamptz;
${workTable('dead_letter', { worker: 'update' })}
-- What the running system looks for every second, among letters that may be many.
create index dead_letter_marked on dead_letter (record_id) where redrive_requested_at is not null;
-- The order of a list.
create index dead_letter_listed on dead_letter (record_id, consumer_group collate "C");
`,
  },
];

/** The database of the bus in one process. */
export function openBusDatabase(url: string): Promise<Database> {
  return openDatabase({ url, service: 'bus', poolMax: 1, workerPoolMax: 2 });
}

/** Keeps dead letters in Postgres, where they outlive the process. A record that was redriven in vain is no longer marked. */
export function deadLetterStore(database: Pick<Database, 'worker'>): DeadLetterStore {
  return {
    add: async ({ record, group, reason, tries }) => {
      await database.worker((tx) =>
        execute(
          tx,
          `insert into dead_letter
             (topic, consumer_group, record_id, key, partition, type, source, time, traceparent, payload, reason, tries)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict (topic, consumer_group, record_id) do update
             set reason = excluded.reason, tries = excluded.tries, created_at = clock_timestamp(),
                 redrive_requested_at = null`,
          [
            ...[record.topic, group, record.id, record.key, record.partition, record.type, record.source, record.time],
            ...[record.traceparent ?? null, Buffer.from(record.payload), reason, tries],
          ],
        ),
      );
    },
  };
}
