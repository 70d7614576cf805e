import { Client } from 'pg';

/** What is asked of the database, by the superuser, and only to read: the bench changes nothing behind the services. */
export interface Ledger {
  /** Whether anything of these organisations is not done: batches to hand out, slices without all outcomes, events to publish. */
  isOpen(orgs: readonly string[]): Promise<boolean>;
  /** Whether a message of these organisations has not been delivered, as far as the ledger knows. */
  isAnyUndelivered(orgs: readonly string[]): Promise<boolean>;
  /** How many events are not published, of whatever organisation. */
  outbox(): Promise<number>;
  /** Of messages of an organisation: from acceptance to the last word on it, in milliseconds. */
  durationsMs(orgs: readonly string[]): Promise<number[]>;
  /** When these messages got their outcome, in milliseconds since 1970 by the database's clock. */
  outcomeTimes(orgs: readonly string[], messageIds: readonly string[]): Promise<Map<string, number>>;
  close(): Promise<void>;
}

/** The settings of PostgreSQL without which its speed is another's. */
export interface Durability {
  version: string;
  fsync: string;
  synchronousCommit: string;
}

/** Asks one question on a connection of its own. */
export async function onDatabase<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Reads how durable commits are. Throws where they are not: such a speed is nobody's. */
export async function readDurability(url: string): Promise<Durability> {
  const [row] = await onDatabase<Durability>(
    url,
    `select current_setting('server_version') as version, current_setting('fsync') as fsync,
            current_setting('synchronous_commit') as "synchronousCommit"`,
  );
  if (!row || row.fsync !== 'on' || row.synchronousCommit !== 'on') {
    throw new Error(`fsync is ${row?.fsync} and synchronous_commit ${row?.synchronousCommit}: both have to be on.`);
  }
  return row;
}

/** Opens the bench's one connection, which sees the rows of all organisations. */
export async function openLedger(url: string): Promise<Ledger> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    close: () => client.end(),
    // By indexes of what is open: as cheap with ten million messages as with none, and nearly nothing a few times a second.
    isOpen: async (orgs) => {
      const { rows } = await client.query<{ open: boolean }>(
        `select exists (select from dispatch.slice where org_id = any ($1::uuid[]))
             or exists (select from dispatch.outbox)
             or exists (select from dispatch.batch
                         where org_id = any ($1::uuid[]) and claimed_to < size and cancelled_at is null) as open`,
        [orgs],
      );
      return rows[0]?.open ?? true;
    },
    isAnyUndelivered: async (orgs) => {
      const { rows } = await client.query<{ any: boolean }>(
        `select exists (select from dispatch.message where org_id = any ($1::uuid[]) and best < 80) as any`,
        [orgs],
      );
      return rows[0]?.any ?? true;
    },
    outbox: async () => {
      const { rows } = await client.query<{ count: number }>(`select count(*)::int as count from dispatch.outbox`);
      return rows[0]?.count ?? 0;
    },
    durationsMs: async (orgs) => {
      const { rows } = await client.query<{ ms: number }>(
        `select extract(epoch from updated_at - created_at)::float8 * 1000 as ms
           from dispatch.message
          where org_id = any ($1::uuid[]) and outcome_at is not null`,
        [orgs],
      );
      return rows.map(({ ms }) => ms);
    },
    outcomeTimes: async (orgs, messageIds) => {
      const { rows } = await client.query<{ id: string; ms: number }>(
        `select id, extract(epoch from outcome_at)::float8 * 1000 as ms
           from dispatch.message
          where org_id = any ($1::uuid[]) and id = any ($2::uuid[]) and outcome_at is not null`,
        [orgs, messageIds],
      );
      return new Map(rows.map(({ id, ms }) => [id, ms]));
    },
  };
}
