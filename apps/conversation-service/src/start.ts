import { ConversationServiceService } from '@herald/contracts/conversation';
import { grpcServer, tokenVerifier, unimplemented } from '@herald/grpc';
import type { GrpcConfig, Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { CONVERSATION_ACCESS } from './access';

const log = logger('conversation-service');

/**
 * Starts conversation-service. No version serves its RPCs yet: each answers UNIMPLEMENTED to callers who may use it, so
 * that clients can be built and access can be tried. It needs no database and no bus, and is healthy without them.
 */
export async function start(config: { grpc: GrpcConfig }): Promise<Running & { port: number }> {
  const rpcs = Object.keys(ConversationServiceService);
  const implementation = Object.fromEntries(rpcs.map((rpc) => [rpc, unimplemented()]));
  const server = await grpcServer({
    ...config.grpc,
    services: [{ definition: ConversationServiceService, implementation, access: CONVERSATION_ACCESS }],
    identity: tokenVerifier(config.grpc.identity),
    health: { calls: {} },
    onCertificateProblem: (error) => log.error('Renewed certificate files cannot be used.', { error }),
    onError: ({ error, errorId, method }) => log.error('A call failed.', { error, errorId, method }),
  });
  return { port: server.port, stop: () => server.stop() };
}
