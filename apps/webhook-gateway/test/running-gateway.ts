import { createHash } from 'node:crypto';
import { inProcessBus, type Bus, type DeliveredRecord } from '@herald/bus';
import { ConfigurationServiceService, type ResolveWebhookAccountResponse } from '@herald/contracts/configuration';
import { Provider } from '@herald/contracts/type';
import { HeraldError } from '@herald/errors';
import { grpcServer, tokenVerifier, unary, unimplemented, type Caller } from '@herald/grpc';
import { FakeClock, testIdentity, type TestIdentity } from '@herald/testing';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks';
import { Agent, request } from 'undici';
import { start } from '../src';

/** What the provider knows the gateway by. Nothing listens there: only signatures speak of it. */
export const PUBLIC_URL = 'https://hooks.herald.example';

/** The form of every answer to a webhook. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A configuration-service that knows webhook accounts, counts what it is asked, and can be told to fail. */
class ConfigurationsDouble {
  readonly accounts = new Map<string, ResolveWebhookAccountResponse>();
  readonly questions: string[] = [];
  readonly callers: Caller[] = [];
  isDown = false;
  /** While it is set, answers wait for it. */
  gate: Promise<void> | undefined;

  async start(identity: TestIdentity) {
    const rpcs = Object.keys(ConfigurationServiceService);
    return grpcServer({
      address: '127.0.0.1:0',
      reflection: false,
      identity: tokenVerifier(identity.identityOf('configuration')),
      health: { calls: {} },
      services: [
        {
          definition: ConfigurationServiceService,
          implementation: {
            ...Object.fromEntries(rpcs.map((rpc) => [rpc, unimplemented()])),
            resolveWebhookAccount: unary<{ pathSegment: string }, ResolveWebhookAccountResponse>(
              async ({ pathSegment }, { caller }) => {
                this.callers.push(caller);
                return this.resolve(pathSegment);
              },
            ),
          },
          access: Object.fromEntries(rpcs.map((rpc) => [rpc, { services: ['gateway'] as const, withoutOrg: true }])),
        },
      ],
    });
  }

  async resolve(segment: string): Promise<ResolveWebhookAccountResponse> {
    this.questions.push(segment);
    await this.gate;
    if (this.isDown) throw new HeraldError('DATABASE_UNAVAILABLE', 'Not now.');
    const account = this.accounts.get(segment);
    if (account === undefined) throw new HeraldError('WEBHOOK_PATH_NOT_FOUND', 'No such path.');
    return account;
  }

  /** How often it was asked about a path. */
  asked(segment: string): number {
    return this.questions.filter((asked) => asked === segment).length;
  }
}

/** A bus that can be told to take nothing. */
class BusThatMayRefuse implements Bus {
  isDown = false;

  constructor(private readonly bus: Bus) {}

  publish(records: Parameters<Bus['publish']>[0]): Promise<void> {
    return this.isDown ? this.#refusal() : this.bus.publish(records);
  }

  subscribe(subscription: Parameters<Bus['subscribe']>[0]): ReturnType<Bus['subscribe']> {
    return this.bus.subscribe(subscription);
  }

  stop(): Promise<void> {
    return this.bus.stop();
  }

  ping(): Promise<void> {
    return this.isDown ? this.#refusal() : this.bus.ping();
  }

  #refusal(): Promise<never> {
    return Promise.reject(new HeraldError('BUS_UNAVAILABLE', 'Not now.'));
  }
}

/** What a callback is sent with, where it differs from a good one. */
export interface Sending {
  method?: string;
  /** Where it is sent to: path and query. */
  target?: string;
  body?: string | Buffer;
  contentType?: string;
  /** `null` sends none. */
  signature?: string | null;
  headers?: Record<string, string>;
}

/** The gateway with its doors open, its neighbours doubled. */
export type RunningGateway = Awaited<ReturnType<typeof runningGateway>>;

/** Starts the gateway as a composer would, between a configuration-service and a bus that can be told to fail. */
export async function runningGateway() {
  const identity = await testIdentity();
  const clock = new FakeClock();
  const configurations = new ConfigurationsDouble();
  const configurationServer = await configurations.start(identity);
  const records: DeliveredRecord[] = [];
  const bus = new BusThatMayRefuse(
    inProcessBus({ partitions: 4, clock, deadLetters: { add: () => Promise.reject(new Error('a dead letter')) } }),
  );
  bus.subscribe({
    topic: 'herald.callback.v1',
    group: 'spec',
    handler: (delivered) => {
      records.push(...delivered);
      return Promise.resolve();
    },
  });
  const gateway = await start(
    {
      httpAddress: '127.0.0.1:0',
      internalAddress: '127.0.0.1:0',
      publicUrl: PUBLIC_URL,
      configurationUrl: `127.0.0.1:${configurationServer.port}`,
      identity: identity.identityOf('gateway'),
    },
    { bus, clock },
  );
  const agent = new Agent();
  return {
    ...{ clock, configurations, records, bus, port: gateway.port, internalPort: gateway.internalPort },
    /** Sends what a sender sends, signed or not. */
    send: ({ method = 'POST', target = '/', body, contentType = FORM, signature = null, headers = {} }: Sending) =>
      answerOf(agent, `http://127.0.0.1:${gateway.port}${target}`, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: {
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...(signature === null ? {} : { 'x-twilio-signature': signature }),
          ...headers,
        },
      }),
    /** Asks the internal port. */
    look: (path: string) => answerOf(agent, `http://127.0.0.1:${gateway.internalPort}${path}`, { method: 'GET' }),
    stopGateway: () => gateway.stop(),
    stop: async () => {
      await agent.close();
      await gateway.stop();
      await configurationServer.stop(0);
      await bus.stop();
    },
  };
}

/** The type of a form, as Twilio sends callbacks. */
export const FORM = 'application/x-www-form-urlencoded';

async function answerOf(
  dispatcher: Agent,
  url: string,
  options: { method: string; body?: string | Buffer; headers?: Record<string, string> },
): Promise<Answer> {
  const { statusCode, headers, body } = await request(url, { ...options, dispatcher });
  return { status: statusCode, headers, body: await body.text() };
}

let accountCount = 0;

/** Makes an account behind a path of its own. */
export function givenAccount(changes: Partial<ResolveWebhookAccountResponse> = {}) {
  accountCount += 1;
  const digest = createHash('sha256').update(`account ${accountCount}`).digest();
  const hex = digest.toString('hex');
  const account: ResolveWebhookAccountResponse = {
    orgId: `00000000-0000-4000-8000-${hex.slice(0, 12)}`,
    channelAccountId: `00000000-0000-4000-9000-${hex.slice(0, 12)}`,
    provider: Provider.TWILIO,
    providerAccountId: `AC${hex.slice(0, 32)}`,
    verificationKeys: [`secret-${hex.slice(32, 48)}`],
    ...changes,
  };
  return { segment: digest.toString('base64url').slice(0, 32), account };
}

/** A callback as Twilio sends it: signed by the official package with the account's first secret, or with another. */
export function callback(
  { segment, account }: ReturnType<typeof givenAccount>,
  options: { query?: string; parameters?: Record<string, string>; secret?: string } = {},
): { target: string; body: string; signature: string } {
  const { query = '', parameters = statusOf(account), secret = account.verificationKeys[0] ?? '' } = options;
  const target = `/v1/twilio/status/${segment}${query}`;
  const body = new URLSearchParams(parameters).toString();
  return { target, body, signature: getExpectedTwilioSignature(secret, PUBLIC_URL + target, parameters) };
}

/** The parameters of a status callback. */
export function statusOf(
  { providerAccountId }: ResolveWebhookAccountResponse,
  changes: Record<string, string> = {},
): Record<string, string> {
  return {
    AccountSid: providerAccountId,
    ApiVersion: '2010-04-01',
    From: '+15005550006',
    MessageSid: 'SM0123456789abcdef0123456789abcdef',
    MessageStatus: 'delivered',
    SmsSid: 'SM0123456789abcdef0123456789abcdef',
    SmsStatus: 'delivered',
    To: '+4915112345678',
    ...changes,
  };
}
