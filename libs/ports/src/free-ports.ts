import { randomInt } from 'node:crypto';
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

/** What this process was given: another system that it started may listen there only in a while, or again in a while. */
const given = new Set<number>();

/** A port that nobody listens on at this moment, and that this process was not given before. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** The same for several. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, holdOne));
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return held.map(({ port }) => port);
}

/** Throws the error of whoever listens in vain, EADDRINUSE, when somebody listens on the port. */
export async function assertFree(port: number): Promise<void> {
  const server = await listening(port);
  await new Promise((resolve) => server.close(resolve));
}

async function holdOne(): Promise<{ port: number; server: Server }> {
  let last: unknown;
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const port = randomInt(LOWEST, BEYOND_HIGHEST);
    if (given.has(port)) continue;
    try {
      const server = await listening(port);
      given.add(port);
      return { port, server };
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no free port between ${LOWEST} and ${BEYOND_HIGHEST}`, { cause: last });
}

function listening(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server)),
  );
}
