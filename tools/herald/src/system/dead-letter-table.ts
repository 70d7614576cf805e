import type { DeadLetterDesk, KeptLetter, LetterSelection } from '@herald/bus';
import { execute, single, sql, type Database, type Tx } from '@herald/postgres';
import { validate as isUuid } from 'uuid';

/** A row of dead_letter, as it is listed. */
interface LetterRow {
  topic: string;
  group: string;
  id: string;
  key: string;
  partition: number;
  type: string;
  source: string;
  time: Date;
  traceparent: string | null;
  payload: Buffer;
  reason: string;
  tries: number;
  deadAt: Date;
}

const MEANT = `($1::text is null or topic = $1) and ($2::text is null or consumer_group = $2)
           and ($3::uuid[] is null or record_id = any($3))`;

/** The dead letters of the bus in one process, as an operator works on them. The caller closes the database. */
export function deadLetterTable(database: Pick<Database, 'worker' | 'close'>): DeadLetterDesk {
  return {
    read: (selection, { size, after }) =>
      database.worker(async (tx) => {
        const meant = paramsOf(selection);
        const { total } = single(
          await sql<{ total: number }>(tx, `select count(*)::int as total from dead_letter where ${MEANT}`, meant),
        );
        const rows = await sql<LetterRow>(
          tx,
          `select topic, consumer_group as "group", record_id as id, key, partition, type, source, time, traceparent,
                  payload, reason, tries, created_at as "deadAt"
             from dead_letter
            where ${MEANT} and ($4::uuid is null or (record_id, consumer_group collate "C") > ($4, $5::text))
            order by record_id, consumer_group collate "C"
            limit $6`,
          [...meant, after?.recordId ?? null, after?.group ?? null, size],
        );
        return { letters: rows.map(letterOf), total };
      }),
    redrive: (selection) =>
      database.worker(async (tx) => {
        const unknown = await unknownOf(tx, selection);
        if (unknown.length > 0) return { records: 0, how: 'marked', left: 0, unknown };
        return { records: await mark(tx, selection), how: 'marked', left: 0, unknown };
      }),
    close: () => database.close(),
  };
}

async function unknownOf(tx: Tx, { recordIds = [] }: LetterSelection): Promise<string[]> {
  const found = await sql<{ id: string }>(
    tx,
    'select record_id as id from dead_letter where record_id = any($1::uuid[])',
    [recordIds.filter((id) => isUuid(id))],
  );
  const known = new Set(found.map(({ id }) => id));
  return recordIds.filter((id) => !known.has(id.toLowerCase()));
}

/** Marks all letters of the records that are meant, of whatever group, and returns how many records they are. */
async function mark(tx: Tx, selection: LetterSelection): Promise<number> {
  const { records } = single(
    await sql<{ records: number }>(
      tx,
      `with marked as (
         update dead_letter set redrive_requested_at = clock_timestamp()
          where (topic, record_id) in (select topic, record_id from dead_letter where ${MEANT})
         returning topic, record_id)
       select count(distinct (topic, record_id))::int as records from marked`,
      paramsOf(selection),
    ),
  );
  return records;
}

function paramsOf({ topic, group, recordIds }: LetterSelection): unknown[] {
  return [topic ?? null, group ?? null, recordIds === undefined ? null : recordIds.filter((id) => isUuid(id))];
}

function letterOf({ group, reason, tries, deadAt, traceparent, id, payload, ...record }: LetterRow): KeptLetter {
  return {
    record: { ...record, id, payload, ...(traceparent === null ? {} : { traceparent }) },
    ...{ group, reason, tries, deadAt },
  };
}

/** A record that an operator wants published again, and the mark of each of its letters when it was taken. */
export interface MarkedRecord {
  letter: KeptLetter;
  marks: readonly string[];
}

/** The oldest records that are marked, and so many at most. */
export async function markedRecords(database: Pick<Database, 'worker'>, countMax: number): Promise<MarkedRecord[]> {
  const rows = await database.worker((tx) =>
    sql<LetterRow & { marks: string[] }>(
      tx,
      `select distinct on (record_id, topic)
              topic, consumer_group as "group", record_id as id, key, partition, type, source, time, traceparent,
              payload, reason, tries, created_at as "deadAt",
              array_agg(redrive_requested_at::text) over (partition by record_id, topic) as marks
         from dead_letter
        where redrive_requested_at is not null
        order by record_id, topic
        limit $1`,
      [countMax],
    ),
  );
  return rows.map(({ marks, ...row }) => ({ letter: letterOf(row), marks }));
}

/** Deletes the letters of a record that was published again; a letter that was written or marked since then stays. */
export async function deleteMarked(
  database: Pick<Database, 'worker'>,
  { letter: { record }, marks }: MarkedRecord,
): Promise<void> {
  await database.worker((tx) =>
    execute(
      tx,
      `delete from dead_letter
        where topic = $1 and record_id = $2 and redrive_requested_at = any($3::timestamptz[])`,
      [record.topic, record.id, marks],
    ),
  );
}
