import type { Bus } from '@herald/bus';
import { twilioSms } from '@herald/channels';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { TemplateServiceClient } from '@herald/contracts/template';
import { grpcClient, grpcServer, serviceTokens, tokenVerifier } from '@herald/grpc';
import { auditService, openDatabase, outboxRelay } from '@herald/postgres';
import { newId, startInOrder, type Clock, type DatabaseConfig, type GrpcConfig, type Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { CONFIGURATION_ACCESS } from './access';
import { migrations } from './migrations';
import { sealerOf } from './sealing/sealer';
import { configurationService } from './service';

/** What configuration-service is started with. */
export interface ConfigurationConfig {
  grpc: GrpcConfig;
  database: DatabaseConfig;
  /** `host:port` of template-service. */
  templateUrl: string;
  /** What providers reach the gateway by. */
  publicUrl: string;
  /** 32 bytes that wrap the organisations' keys. Whoever loses them loses every credential. */
  masterKey: Uint8Array;
}

const SERVICE = 'configuration';
const log = logger('configuration-service');

/** Starts the service on a database that is provisioned and migrated: the pools first, the server last. */
export async function start(
  config: ConfigurationConfig,
  { bus, clock }: { bus: Bus; clock: Clock },
): Promise<Running & { port: number }> {
  const parts = startInOrder();
  const { identity, tls } = config.grpc;
  const sealer = sealerOf(config.masterKey);
  const database = await parts.add(async () => {
    const opened = await openDatabase({ ...config.database, service: SERVICE, migrations });
    return { ...opened, stop: () => opened.close() };
  });
  const { templates } = await parts.add(() => {
    const { issuer, audience, servicePrivateKey } = identity;
    const tokens = serviceTokens({ service: SERVICE, privateKey: servicePrivateKey, issuer, audience });
    const settings = { url: config.templateUrl, token: (org?: string) => tokens.token(org), ...(tls ? { tls } : {}) };
    const client = grpcClient(TemplateServiceClient, settings);
    return Promise.resolve({ templates: client, stop: () => Promise.resolve(client.close()) });
  });
  const { provider } = await parts.add(() => {
    const adapter = twilioSms();
    return Promise.resolve({ provider: adapter, stop: () => adapter.close() });
  });
  await parts.add(() => {
    const relay = outboxRelay({
      database,
      publish: (records) => bus.publish(records),
      source: 'configuration-service',
      onError: (error) => log.error('A round of the outbox failed.', { error }),
    });
    relay.start();
    return Promise.resolve(relay);
  });
  const publicUrl = config.publicUrl.replace(/\/+$/, '');
  const now = () => clock.now();
  const implementation = configurationService({ database, provider, templates, sealer, publicUrl, newId, now });
  const server = await parts.add(() =>
    grpcServer({
      ...config.grpc,
      services: [
        { definition: ConfigurationServiceService, implementation, access: CONFIGURATION_ACCESS },
        auditService(database),
      ],
      identity: tokenVerifier(identity),
      // Events wait in the outbox while the bus is away: it is no reason to take no calls.
      health: { calls: { database: () => database.ping() }, background: { bus: () => bus.ping() } },
      onError: ({ error, errorId, method }) => log.error('A call failed.', { error, errorId, method }),
      onCertificateProblem: (error) => log.error('Renewed certificate files cannot be used.', { error }),
      onHealthChange: (failing) => log.warn('The health changed.', { failing: failing.join(' ') }),
    }),
  );
  return { port: server.port, stop: () => parts.stop() };
}
