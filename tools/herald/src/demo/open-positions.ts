import { join } from 'node:path';
import { startLocalServer } from '@herald/postgres';
import { Client, type QueryResultRow } from 'pg';

/**
 * How many messages a killed Herald had claimed and not recorded: those alone may become unknown. It is read from the
 * PostgreSQL that outlived it, because the next Herald begins to settle them as soon as it runs.
 */
export async function openPositions(home: string, port: number): Promise<number> {
  const [row] = await ask<{ positions: number }>(
    { home, port },
    `select count(*)::int as positions
       from dispatch.slice
       join dispatch.message on message.org_id = slice.org_id and message.batch_id = slice.batch_id
                            and message.position between slice.lo and slice.hi
      where message.rank is null and message.expired_at is null`,
  );
  return row?.positions ?? 0;
}

/** The id of the process that holds the lease of what is being sent; undefined when nothing is. */
export async function sendingProcess(home: string, port: number): Promise<number | undefined> {
  const [row] = await ask<{ owner: string }>(
    { home, port },
    `select lease.owner
       from dispatch.batch
       join dispatch.lease on lease.shard = batch.shard
      where batch.claimed_to < batch.size and batch.cancelled_at is null
      limit 1`,
  );
  return row && Number(/\d+$/.exec(row.owner)?.[0]);
}

async function ask<Row extends QueryResultRow>(
  { home, port }: { home: string; port: number },
  question: string,
): Promise<Row[]> {
  const { url } = await startLocalServer({ directory: join(home, 'postgres'), port });
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(question)).rows;
  } finally {
    await client.end();
  }
}
