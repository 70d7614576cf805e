import { randomUUID } from 'node:crypto';
import { inProcessBus, type Bus, type BusRecord } from '@herald/bus';
import { ConfigurationChanged } from '@herald/contracts/event';
import { Template, TemplateServiceClient, type CreateTemplateRequest } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { grpcClient, type PromiseClient, type Scope, type ServiceName } from '@herald/grpc';
import { FakeClock, testDatabase, testIdentity, type TestDatabase } from '@herald/testing';
import { migrations, start } from '../src';

/** A client of templates, as one caller. */
export type Templates = PromiseClient<TemplateServiceClient>;

/** The service with its doors open, on a database and a bus of its own. */
export interface RunningService {
  clock: FakeClock;
  test: TestDatabase;
  /** A client with a user's token. */
  as(user: { org: string; scopes?: readonly Scope[]; subject?: string }): Templates;
  /** A client with a service's token for an organisation. */
  asService(service: ServiceName, org: string): Templates;
  /** A client that says this where a token should stand. */
  asToken(token: string): Templates;
  /** What was announced so far about one organisation. */
  announced(org: string): ConfigurationChanged[];
  stop(): Promise<void>;
}

/** Starts the service as a composer would; its bus may be put behind another. */
export async function runningService(behind: (bus: Bus) => Bus = (bus) => bus): Promise<RunningService> {
  const identity = await testIdentity();
  const test = await testDatabase({ service: 'template', migrations });
  const clock = new FakeClock();
  const announced: ConfigurationChanged[] = [];
  const bus = inProcessBus({
    partitions: 4,
    clock,
    deadLetters: { add: () => Promise.reject(new Error('a dead letter')) },
  });
  bus.subscribe({
    topic: 'herald.configuration.v1',
    group: 'spec',
    handler: (records: readonly BusRecord[]) => {
      announced.push(...records.map(({ payload }) => ConfigurationChanged.decode(payload)));
      return Promise.resolve();
    },
  });
  const service = await start(
    {
      grpc: { address: '127.0.0.1:0', reflection: false, identity: identity.identityOf('template') },
      database: { url: test.url, poolMax: 10, workerPoolMax: 2 },
    },
    { bus: behind(bus), clock },
  );
  const clients: Templates[] = [];
  const client = (token: () => Promise<string>): Templates => {
    const made = grpcClient(TemplateServiceClient, { url: `127.0.0.1:${service.port}`, token });
    clients.push(made);
    return made;
  };
  return {
    clock,
    test,
    as: ({ org, scopes = ['configure'], subject = 'ana' }) =>
      client(() => identity.userToken({ org, scopes, subject })),
    asService: (name, org) => client(() => identity.serviceToken(name, org)),
    asToken: (token) => client(() => Promise.resolve(token)),
    announced: (org) => announced.filter(({ orgId }) => orgId === org),
    stop: async () => {
      for (const made of clients) made.close();
      await service.stop();
      await bus.stop();
      await test.close();
    },
  };
}

/** A template that can be published, with changes. */
export function givenTemplate(changes: Partial<Template> = {}): Template {
  return Template.fromPartial({
    name: `Reminder ${randomUUID()}`,
    channelType: ChannelType.SMS,
    defaultLanguage: 'en-US',
    localizedTexts: [
      { language: 'en-US', text: 'Hello {CustomerName}' },
      { language: '3082', text: 'Hola {customername}, {CaseName}' },
    ],
    ...changes,
  });
}

/** A request to create a template, with a new request id. */
export function creation(changes: Partial<Template> = {}): CreateTemplateRequest {
  return { requestId: randomUUID(), template: givenTemplate(changes) };
}

/** Creates a template and returns it. */
export async function created(templates: Templates, changes: Partial<Template> = {}): Promise<Template> {
  const { template } = await templates.createTemplate(creation(changes));
  if (!template) throw new Error('the answer has no template');
  return template;
}

/** Publishes a template and returns the answer. */
export async function published(templates: Templates, templateId: string) {
  const { template, version } = await templates.publishTemplate({ requestId: randomUUID(), templateId });
  if (!template || !version) throw new Error('the answer is not whole');
  return { template, version };
}
