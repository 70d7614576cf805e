import { join } from 'node:path';
import { startLocalServer } from '@herald/postgres';
import { Client } from 'pg';

/**
 * How many messages a killed Herald had claimed and not recorded: those alone may become unknown. It is read from the
 * PostgreSQL that outlived it, because the next Herald begins to settle them as soon as it runs.
 */
export async function openPositions(home: string, port: number): Promise<number> {
  const { url } = await startLocalServer({ directory: join(home, 'postgres'), port });
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ positions: number }>(
      `select count(*)::int as positions
         from dispatch.slice
         join dispatch.message on message.org_id = slice.org_id and message.batch_id = slice.batch_id
                              and message.position between slice.lo and slice.hi
        where message.rank is null and message.expired_at is null`,
    );
    return rows[0]?.positions ?? 0;
  } finally {
    await client.end();
  }
}
