import { randomBytes } from 'node:crypto';
import { inProcessBus, type Bus, type BusRecord } from '@herald/bus';
import { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { ConfigurationChanged } from '@herald/contracts/event';
import { grpcClient, type PromiseClient, type Scope, type ServiceName } from '@herald/grpc';
import { FakeClock, testDatabase, testIdentity, type TestDatabase } from '@herald/testing';
import { migrations, start } from '../src';
import { TemplatesDouble } from './templates-double';
import { TwilioDouble } from './twilio-double';

/** A client of configuration, as one caller. */
export type Configurations = PromiseClient<ConfigurationServiceClient>;

/** What providers reach the gateway by. Nothing listens there. */
export const PUBLIC_URL = 'https://hooks.herald.example';

/** The service with its doors open, on a database and a bus of its own, between doubles of its neighbours. */
export interface RunningService {
  clock: FakeClock;
  test: TestDatabase;
  twilio: TwilioDouble;
  twilioUrl: string;
  templates: TemplatesDouble;
  /** A client with a user's token. */
  as(user: { org: string; scopes?: readonly Scope[]; subject?: string }): Configurations;
  /** A client with a service's token for an organisation, or for none. */
  asService(service: ServiceName, org?: string): Configurations;
  /** A client that says this where a token should stand. */
  asToken(token: string): Configurations;
  /** What was announced so far about one organisation. */
  announced(org: string): ConfigurationChanged[];
  stop(): Promise<void>;
}

/** Starts the service as a composer would; its bus may be put behind another. */
export async function runningService(behind: (bus: Bus) => Bus = (bus) => bus): Promise<RunningService> {
  const identity = await testIdentity();
  const test = await testDatabase({ service: 'configuration', migrations });
  const clock = new FakeClock();
  const { bus, announced } = listenedBus(clock);
  const [twilio, templates] = [new TwilioDouble(), new TemplatesDouble()];
  const [twilioUrl, templateUrl] = [await twilio.start(), await templates.start(identity)];
  const service = await start(
    {
      grpc: { address: '127.0.0.1:0', reflection: false, identity: identity.identityOf('configuration') },
      database: { url: test.url, poolMax: 10, workerPoolMax: 2 },
      // A slash at the end is no part of what URLs are made of.
      publicUrl: `${PUBLIC_URL}/`,
      masterKey: randomBytes(32),
      templateUrl,
    },
    { bus: behind(bus), clock },
  );
  const clients: Configurations[] = [];
  const client = (token: () => Promise<string>): Configurations => {
    const made = grpcClient(ConfigurationServiceClient, { url: `127.0.0.1:${service.port}`, token });
    clients.push(made);
    return made;
  };
  return {
    ...{ clock, test, twilio, twilioUrl, templates },
    as: ({ org, scopes = ['configure'], subject = 'ana' }) =>
      client(() => identity.userToken({ org, scopes, subject })),
    asService: (name, org) => client(() => identity.serviceToken(name, org)),
    asToken: (token) => client(() => Promise.resolve(token)),
    announced: (org) => announced.filter(({ orgId }) => orgId === org),
    stop: async () => {
      for (const made of clients) made.close();
      await service.stop();
      await templates.stop();
      await twilio.stop();
      await bus.stop();
      await test.close();
    },
  };
}

function listenedBus(clock: FakeClock): { bus: Bus; announced: ConfigurationChanged[] } {
  const announced: ConfigurationChanged[] = [];
  const deadLetters = { add: () => Promise.reject(new Error('a dead letter')) };
  const bus = inProcessBus({ partitions: 4, clock, deadLetters });
  bus.subscribe({
    topic: 'herald.configuration.v1',
    group: 'spec',
    handler: (records: readonly BusRecord[]) => {
      announced.push(...records.map(({ payload }) => ConfigurationChanged.decode(payload)));
      return Promise.resolve();
    },
  });
  return { bus, announced };
}
