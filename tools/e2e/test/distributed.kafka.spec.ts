import { randomUUID } from 'node:crypto';
import { credentials, Metadata, type ChannelCredentials } from '@grpc/grpc-js';
import { ConfigurationServiceClient, ResolveConfigurationRequest } from '@herald/contracts/configuration';
import type { HeraldError } from '@herald/errors';
import { decodeStatus } from '@herald/grpc';
import { startInOrder } from '@herald/service';
import { describeWithOwnKafka } from '@herald/testing';
import { distributedHerald, type DistributedHerald } from './distributed-herald';
import { collectExportedSpans, collectOwnSpans } from './spans';
import { accessStories } from './stories/access.stories';
import { controlStories } from './stories/control.stories';
import { isolationStories } from './stories/isolation.stories';
import { providerStories } from './stories/provider.stories';
import { requestStories } from './stories/requests.stories';
import { takeOverStories } from './stories/take-over.stories';
import { traceStories } from './stories/trace.stories';

/** Java and ten processes start, beside whatever else a run does. */
const START_WITHIN_MS = 180_000;
const STOP_WITHIN_MS = 90_000;
const CALLER = 'spec';

describeWithOwnKafka('distributed, two processes of each service', () => {
  const parts = startInOrder();
  let herald: DistributedHerald;
  let spans: Parameters<typeof traceStories>[1]['spans'];
  const running = () => herald;

  beforeAll(async () => {
    const own = await parts.add(() => collectOwnSpans(CALLER));
    const exported = await parts.add(() => collectExportedSpans());
    spans = () => [...own.spans(), ...exported.spans()];
    herald = await parts.add(() => distributedHerald(exported.variables));
  }, START_WITHIN_MS);
  afterAll(() => parts.stop(), STOP_WITHIN_MS);

  it('S5: a token of a service counts over its own certificate alone, and nobody calls without one', async () => {
    const token = await herald.tokens.serviceToken('dispatch', '0190a000-0000-7000-8000-00000000a55c');
    const call = async (tls: ChannelCredentials) => {
      const client = new ConfigurationServiceClient(herald.urls.configuration, tls);
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      const { promise, resolve } = Promise.withResolvers<HeraldError>();
      const request = ResolveConfigurationRequest.fromPartial({ outboundConfigurationId: randomUUID() });
      client.resolveConfiguration(request, metadata, (error) => resolve(decodeStatus(error as never, 'spec')));
      return promise.finally(() => client.close());
    };
    expect((await call(herald.credentialsOf('dispatch'))).reason).toBe('CONFIGURATION_NOT_FOUND');
    for (const other of ['gateway', 'user'] as const) {
      const { reason, detail } = await call(herald.credentialsOf(other));
      expect([reason, detail.metadata]).toEqual(['UNAUTHENTICATED', { problem: 'CERTIFICATE_MISMATCH' }]);
    }
    expect((await call(credentials.createInsecure())).reason).toBe('SERVICE_UNAVAILABLE');
  });

  requestStories(running);
  controlStories(running);
  providerStories(running);
  isolationStories(running);
  accessStories(running);
  traceStories(running, {
    spans: () => spans(),
    nameOf: (who) => (who === 'caller' ? CALLER : `${who}-service`),
  });
  takeOverStories(running);
});
