import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Running } from '@herald/service';
import type { JWK } from 'jose';

/** Stands where a company's token issuer is: serves the public keys of users' tokens on a free port of loopback. */
export async function keySetServer(keys: readonly JWK[]): Promise<Running & { url: string }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/keys`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
