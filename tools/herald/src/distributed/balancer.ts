import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Running } from '@herald/service';

const CONNECT_MS_MAX = 1_000;

/**
 * Stands where a cluster has its load balancer: takes connections on one port of loopback and hands each to the next of
 * some others, passing over those where nobody listens. A connection that nobody takes is closed.
 */
export async function balancer(port: number, behind: readonly number[]): Promise<Running> {
  const open = new Set<Socket>();
  let next = 0;
  const hand = async (incoming: Socket) => {
    for (let tries = 0; tries < behind.length; tries += 1) {
      const target = behind[next++ % behind.length] ?? 0;
      const outgoing = await connected(target);
      if (!outgoing) continue;
      join(incoming, outgoing);
      return;
    }
    incoming.destroy();
  };
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // Whoever goes without a word takes the other side with it.
    socket.on('error', () => socket.destroy());
  };
  const join = (incoming: Socket, outgoing: Socket) => {
    keep(outgoing);
    incoming.once('close', () => outgoing.destroy());
    outgoing.once('close', () => incoming.destroy());
    incoming.pipe(outgoing).pipe(incoming);
  };
  const server = createServer((incoming) => {
    keep(incoming);
    void hand(incoming);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    stop: async () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function connected(port: number): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1');
  const signal = AbortSignal.timeout(CONNECT_MS_MAX);
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch {
    // Refused or too late: the next one is asked.
    socket.destroy();
    return undefined;
  }
}
