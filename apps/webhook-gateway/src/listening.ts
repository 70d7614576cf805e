import type { Running } from '@herald/service';
import type { FastifyInstance } from 'fastify';

/** How long requests under way may take to end once the gateway stops: an account asked for, and a publish. */
const STOP_GRACE_MS = 15_000;

/**
 * Listens at `host:port`. Stopping takes no new connection, lets requests under way end within the grace and then cuts
 * them off: node no longer enforces its timeouts on a server that closes, and a request sent in part would hold it open.
 * An answer given meanwhile ends its connection, which would otherwise stay for a next request that is not taken.
 */
export async function listening(
  server: FastifyInstance,
  address: string,
  stopGraceMs = STOP_GRACE_MS,
): Promise<Running & { port: number }> {
  const split = address.lastIndexOf(':');
  const host = address.slice(0, split).replace(/^\[(.*)\]$/, '$1');
  let isStopping = false;
  server.addHook('onSend', async (_request, reply) => {
    if (isStopping) void reply.header('connection', 'close');
  });
  await server.listen({ host, port: Number(address.slice(split + 1)) });
  const bound = server.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server listens on no port');
  const stop = async () => {
    isStopping = true;
    const overdue = setTimeout(() => server.server.closeAllConnections(), stopGraceMs);
    try {
      await server.close();
    } finally {
      clearTimeout(overdue);
    }
  };
  return { port: bound.port, stop };
}
