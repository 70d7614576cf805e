import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { answerProblem } from './exchange';
import type { Exchange, Route } from './exchange';
import { problem } from './problems';

const BODY_BYTES_MAX = 256 * 1024;
/** Longer than clients keep an idle connection, so that it is the client who closes it, never we under its next request. */
const KEEP_ALIVE_MS = 65_000;

/**
 * The HTTP server over a list of routes; the first that fits answers. It is node:http itself rather than a framework: the faults need
 * the socket, and a dozen routes need no router.
 */
export function httpServer(routes: readonly Route[]): Server {
  let concurrent = 0;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    concurrent += 1;
    response.once('close', () => (concurrent -= 1));
    response.setHeader('twilio-concurrent-requests', String(concurrent));
    readBody(request, response, (body) => dispatch(routes, { request, response, body }));
  });
  return server;
}

function readBody(request: IncomingMessage, response: ServerResponse, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk);
    else if (!response.headersSent) response.writeHead(413, { connection: 'close' }).end();
  });
  request.on('end', () => {
    if (size <= BODY_BYTES_MAX) done(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString());
  });
  // A client that goes away amid its request has asked for nothing.
  request.on('error', () => undefined);
}

function dispatch(
  routes: readonly Route[],
  { request, response, body }: Pick<Exchange, 'request' | 'response' | 'body'>,
): void {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const exchange: Exchange = {
    request,
    response,
    method: request.method ?? 'GET',
    path,
    groups: [],
    query: new URLSearchParams(query),
    body,
  };
  let pathKnown = false;
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (!match) continue;
    pathKnown = true;
    if (route.method !== exchange.method) continue;
    exchange.groups = match.slice(1);
    void run(route, exchange);
    return;
  }
  answerProblem(exchange, pathKnown ? problem(20004) : problem(20404, path));
}

async function run(route: Route, exchange: Exchange): Promise<void> {
  try {
    await route.handle(exchange);
  } catch (error) {
    process.stderr.write(
      `${exchange.method} ${exchange.path}: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    if (!exchange.response.headersSent) answerProblem(exchange, problem(20500));
  }
}
