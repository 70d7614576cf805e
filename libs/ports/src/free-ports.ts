import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';

/**
 * Where free ports are sought: above what programs are known by, and below what the systems give away by themselves to
 * whoever listens on port 0 or connects (from 32768 on Linux, 49152 on macOS and Windows). A port from there may be
 * given to anybody's connection before its server, which starts for seconds, listens on it.
 */
const LOWEST = 10_000;
const BEYOND_HIGHEST = 32_768;
/** Draws for one port before it is given up: even with nine of ten ports taken, a hundred draws find one. */
const DRAWS_MAX = 100;

/**
 * A port that nobody listens on at this moment, and that nobody else is named while this process lives: it holds the UDP port
 * of the same number, which its server has no use for. Else another system that starts beside could be named it too, in the
 * seconds until the server listens, or while the server restarts.
 */
export async function freePort(): Promise<number> {
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const port = randomInt(LOWEST, BEYOND_HIGHEST);
    if (await isOurs(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${BEYOND_HIGHEST}`);
}

/** The same for several. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

/** Throws the error of whoever listens in vain, EADDRINUSE, when somebody listens on the port. */
export async function assertFree(port: number): Promise<void> {
  const server = await listening(port);
  await new Promise((resolve) => server.close(resolve));
}

async function isOurs(port: number): Promise<boolean> {
  const reservation = createSocket('udp4').unref();
  try {
    await new Promise<void>((resolve, reject) =>
      reservation.once('error', reject).bind({ port, address: '127.0.0.1', exclusive: true }, resolve),
    );
    await assertFree(port);
    return true;
  } catch {
    reservation.close();
    return false;
  }
}

function listening(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server)),
  );
}
