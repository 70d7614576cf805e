import type { Bus } from '@herald/bus';
import { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { grpcClient, serviceTokens, type TlsFiles } from '@herald/grpc';
import { newId, startInOrder, type Clock, type IdentityConfig, type Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { accountDirectory } from './account-directory';
import { callbackPublisher } from './callback-publisher';
import { internalServer } from './internal-server';
import { listening } from './listening';
import { publicServer } from './public-server';
import { readiness } from './readiness';
import { throttle } from './throttle';
import { troubleLog } from './trouble-log';

/** What the gateway is started with. */
export interface GatewayConfig {
  /** `host:port` for providers; port 0 takes a free one. */
  httpAddress: string;
  /** `host:port` for whoever runs it. */
  internalAddress: string;
  /** What providers reach it by; signatures are verified against it, never against what a request says. */
  publicUrl: string;
  /** `host:port` of configuration-service. */
  configurationUrl: string;
  identity: IdentityConfig;
  /** By which the connection to configuration-service is secured. */
  tls?: TlsFiles;
}

const SERVICE = 'gateway';

/**
 * Starts the gateway. It takes webhooks in from the moment it listens, and answers them 503 while it cannot. It stops by
 * saying that it is not ready, then lets webhooks under way end, and closes its client last.
 */
export async function start(
  config: GatewayConfig,
  { bus, clock }: { bus: Bus; clock: Clock },
): Promise<Running & { port: number; internalPort: number }> {
  const parts = startInOrder();
  const { configurations } = await parts.add(() => {
    const { issuer, audience, servicePrivateKey } = config.identity;
    const tokens = serviceTokens({ service: SERVICE, privateKey: servicePrivateKey, issuer, audience });
    const { tls } = config;
    const client = grpcClient(ConfigurationServiceClient, {
      url: config.configurationUrl,
      token: (org) => tokens.token(org),
      ...(tls ? { tls } : {}),
    });
    return Promise.resolve({ configurations: client, stop: () => Promise.resolve(client.close()) });
  });
  const monotonicMs = () => clock.monotonicMs();
  const ready = readiness({ configurations, bus, monotonicMs });
  const internal = await parts.add(() =>
    listening(
      internalServer(() => ready.isReady()),
      config.internalAddress,
    ),
  );
  const now = () => clock.now();
  const server = publicServer({
    ...{ accounts: accountDirectory({ configurations, monotonicMs }), throttle: throttle(monotonicMs), now },
    callbacks: callbackPublisher({ bus, newId, now }),
    publicUrl: config.publicUrl.replace(/\/+$/, ''),
    onError: troubleLog(logger('webhook-gateway'), monotonicMs),
  });
  const { port } = await parts.add(() => listening(server, config.httpAddress));
  const stop = () => {
    ready.end();
    return parts.stop();
  };
  return { port, internalPort: internal.port, stop };
}
