import { isSignedByTwilio } from '@herald/channels';
import fastify from 'fastify';

/** Whose signatures are good. */
export interface VerifierSettings {
  authToken: string;
}

/** What stands in the place of all of Herald's receiving side: it verifies, and answers. */
export interface Verifier {
  url: string;
  counts(): { verified: number; refused: number };
  stop(): Promise<void>;
}

/** Starts a bare fastify that verifies each callback as the gateway does, with the gateway's own function, and no more. */
export async function startVerifier({ authToken }: VerifierSettings): Promise<Verifier> {
  let [verified, refused] = [0, 0];
  const server = fastify();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.post('/*', (request, reply) => {
    const signature = request.headers['x-twilio-signature'];
    const isSigned = isSignedByTwilio({
      url: url + (request.raw.url ?? ''),
      rawBody: request.body as Buffer,
      contentType: request.headers['content-type'] ?? '',
      signature: typeof signature === 'string' ? signature : undefined,
      secrets: [authToken],
    });
    if (isSigned) verified += 1;
    else refused += 1;
    return reply.code(isSigned ? 200 : 403).send();
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return { url, counts: () => ({ verified, refused }), stop: () => server.close() };
}
