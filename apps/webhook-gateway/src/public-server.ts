import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import { addSpanAttributes, counter, withSpan } from '@herald/telemetry';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { receiveStatus, type ReceiveDeps } from './receive-status';

/** Twilio's callbacks have 1 KB; what is larger is not read to its end. */
export const BODY_BYTES_MAX = 64 * 1024;
/** Node's own default, named: a longer request line or head is refused with 431. */
const HEAD_BYTES_MAX = 16 * 1024;
/** Who is slower than this to send a head or a request holds the connection for its own sake. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often node looks for those who are too slow. Its default of 30 s would make 35 s of the 5. */
const TIMEOUTS_CHECKED_EVERY_MS = 1_000;
const KEEP_ALIVE_MS = 30_000;
const REQUESTS_PER_CONNECTION_MAX = 10_000;
/** With a full body on each connection this is 128 MiB. */
const CONNECTIONS_MAX = 2_000;
/** An account is let in again at once when its bucket has refilled a little; a second refills a good deal of it. */
const RETRY_AFTER_SECONDS = 1;
const CONTENT_TYPES = ['application/x-www-form-urlencoded', 'application/json'];

/**
 * The door from the Internet: one route, raw bytes, empty answers. Nothing of a body is read before its signature was
 * verified, and no answer tells why a webhook was refused.
 */
export function publicServer(deps: ReceiveDeps): FastifyInstance {
  // Fastify's own errors are about the form of a request: too large, of another type, cut off. The number says enough.
  const refuse = (error: unknown, _request: unknown, reply: Pick<FastifyReply, 'code'>) => {
    const answer = statusOf(error);
    counter('herald.callback.received').add(1, { verdict: VERDICTS_BY_STATUS[answer] ?? 'malformed' });
    if (answer >= 500) deps.onError(error);
    return reply.code(answer).send();
  };
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxRequestsPerSocket: REQUESTS_PER_CONNECTION_MAX,
    // A request whose head had begun when the server stops is under way, and fastify's own refusal of it has a body.
    return503OnClosing: false,
    // A segment of any length gets the answer of every segment that leads nowhere.
    routerOptions: { maxParamLength: HEAD_BYTES_MAX },
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
      maxHeaderSize: HEAD_BYTES_MAX,
    },
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
    clientErrorHandler: refuseClient,
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(CONTENT_TYPES, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setNotFoundHandler((_request, reply) => reply.code(404).send());
  server.setErrorHandler(refuse);
  server.post<{ Params: { segment: string } }>('/v1/twilio/status/:segment', (request, reply) =>
    answerStatus(deps, request, reply),
  );
  return server;
}

async function answerStatus(
  deps: ReceiveDeps,
  request: FastifyRequest<{ Params: { segment: string } }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const attributes = { 'http.request.method': 'POST' };
  const verdict = await withSpan('webhook status', { kind: SpanKind.SERVER, attributes }, async () => {
    const reached = await receiveStatus(deps, {
      segment: request.params.segment,
      target: request.raw.url ?? '',
      rawBody: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      contentType: request.headers['content-type'] ?? '',
      signature: signatureOf(request),
    });
    addSpanAttributes({ 'http.response.status_code': reached.answer });
    return reached;
  });
  counter('herald.callback.received').add(1, { verdict: verdict.kind });
  if (verdict.kind === 'throttled') reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  return reply.code(verdict.answer).send();
}

function signatureOf({ headers }: FastifyRequest): string | undefined {
  const signature = headers['x-twilio-signature'];
  return typeof signature === 'string' ? signature : undefined;
}

const VERDICTS_BY_STATUS: Readonly<Record<number, string>> = { 413: 'too_large', 500: 'unavailable' };

function statusOf(error: unknown): number {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}

const STATUS_BY_CLIENT_ERROR: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** What is no HTTP, too slow or too long a head, gets a number, and the connection ends. */
function refuseClient(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const answer = STATUS_BY_CLIENT_ERROR[error.code ?? ''] ?? 400;
  counter('herald.callback.received').add(1, { verdict: 'malformed' });
  if (!socket.writable) return void socket.destroy();
  socket.end(`HTTP/1.1 ${answer} ${STATUS_CODES[answer] ?? ''}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () =>
    socket.destroy(),
  );
}
