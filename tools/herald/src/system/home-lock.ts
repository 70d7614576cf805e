import type { Running } from '@herald/service';
import { Client } from 'pg';
import { AdviceError } from '../advice-error';

/**
 * Holds a home's database for one system. The lock belongs to a session of Postgres, so that it ends with the process
 * that holds it, however that ends. Throws AdviceError when another system has it, or the database does not answer.
 */
export async function lockHome(url: string, directory: string): Promise<Running> {
  const client = new Client({ connectionString: url, application_name: 'herald-home-lock' });
  client.on('error', () => undefined);
  await client.connect().catch((cause: Error) => {
    throw new AdviceError(`The database of ${directory} does not answer: ${cause.message}.`, { cause });
  });
  const { rows } = await client.query<{ isMine: boolean }>(
    `select pg_try_advisory_lock(hashtext('herald home')) as "isMine"`,
  );
  if (rows[0]?.isMine !== true) {
    await client.end();
    throw new AdviceError(
      `Another Herald already runs on the database of ${directory}. Stop it, or choose another --home.`,
    );
  }
  return { stop: () => client.end() };
}
