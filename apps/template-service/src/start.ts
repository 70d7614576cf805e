import type { Bus } from '@herald/bus';
import { TemplateServiceService } from '@herald/contracts/template';
import { grpcServer, tokenVerifier } from '@herald/grpc';
import { auditService, openDatabase, outboxRelay } from '@herald/postgres';
import { newId, startInOrder, type Clock, type DatabaseConfig, type GrpcConfig, type Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { TEMPLATE_ACCESS } from './access';
import { migrations } from './migrations';
import { templateService } from './service';

/**
 * Starts the service on a database that is provisioned and migrated. The pools come first and the server last, and
 * they stop the other way round: no call meets a closed pool, and what the last calls announced waits in the outbox.
 */
export async function start(
  config: { grpc: GrpcConfig; database: DatabaseConfig },
  { bus, clock }: { bus: Bus; clock: Clock },
): Promise<Running & { port: number }> {
  const log = logger('template-service');
  const parts = startInOrder();
  const { database } = await parts.add(async () => {
    const opened = await openDatabase({ ...config.database, service: 'template', migrations });
    return { database: opened, stop: () => opened.close() };
  });
  await parts.add(async () => {
    const relay = outboxRelay({
      database,
      publish: (records) => bus.publish(records),
      source: 'template-service',
      onError: (error) => log.error('A round of the outbox failed.', { error }),
    });
    relay.start();
    return relay;
  });
  const implementation = templateService({ database, newId, now: () => clock.now() });
  const { port } = await parts.add(() =>
    grpcServer({
      ...config.grpc,
      services: [
        { definition: TemplateServiceService, implementation, access: TEMPLATE_ACCESS },
        auditService(database),
      ],
      identity: tokenVerifier(config.grpc.identity),
      // Events wait in the outbox while the bus is away: it is no reason to take no calls.
      health: { calls: { database: () => database.ping() }, background: { bus: () => bus.ping() } },
      onError: ({ error, errorId, method }) => log.error('A call failed.', { error, errorId, method }),
      onCertificateProblem: (error) => log.error('Renewed certificate files cannot be used.', { error }),
      onHealthChange: (failing) => log.warn('The health changed.', { failing: failing.join(' ') }),
    }),
  );
  return { port, stop: () => parts.stop() };
}
