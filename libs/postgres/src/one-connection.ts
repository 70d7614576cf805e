import { Client } from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;

/** Runs `work` on a connection of its own and closes it. Throws what `work` throws, or why there is no connection. */
export async function onOneConnection(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that is cut fails the statement under way; with nobody listening it would end the process as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
