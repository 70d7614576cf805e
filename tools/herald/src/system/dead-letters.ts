import type { DeadLetterStore } from '@herald/bus';
import { execute, openDatabase, orgFunction, workTable, type Migration } from '@herald/postgres';
import type { Running } from '@herald/service';

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
];

/** Keeps dead letters in Postgres, where they outlive the process. */
export async function deadLetterStore(url: string): Promise<DeadLetterStore & Running> {
  const database = await openDatabase({ url, service: 'bus', poolMax: 1, workerPoolMax: 2 });
  return {
    stop: () => database.close(),
    add: async ({ record, group, reason, tries }) => {
      await database.worker((tx) =>
        execute(
          tx,
          `insert into dead_letter
             (topic, consumer_group, record_id, key, partition, type, source, time, traceparent, payload, reason, tries)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict do nothing`,
          [
            ...[record.topic, group, record.id, record.key, record.partition, record.type, record.source, record.time],
            ...[record.traceparent ?? null, Buffer.from(record.payload), reason, tries],
          ],
        ),
      );
    },
  };
}
