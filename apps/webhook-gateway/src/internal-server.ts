import fastify, { type FastifyInstance } from 'fastify';

/** Answers whoever runs the gateway: alive, and ready to take webhooks in. */
export function internalServer(isReady: () => Promise<boolean>): FastifyInstance {
  const server = fastify();
  server.get('/healthz', (_request, reply) => reply.code(200).send('alive\n'));
  server.get('/readyz', async (_request, reply) => {
    const answer = (await isReady()) ? { code: 200, text: 'ready\n' } : { code: 503, text: 'not ready\n' };
    return reply.code(answer.code).send(answer.text);
  });
  return server;
}
