import { randomBytes, randomUUID } from 'node:crypto';
import {
  Channel,
  ChannelAccount,
  OutboundConfiguration,
  type CreateChannelAccountRequest,
  type CreateChannelRequest,
  type CreateOutboundConfigurationRequest,
  type Credentials,
} from '@herald/contracts/configuration';
import { ChannelType, Provider } from '@herald/contracts/type';
import { eventually } from '@herald/testing';
import type { Configurations, RunningService } from './running-service';
import type { TemplatesDouble } from './templates-double';
import type { TwilioDouble } from './twilio-double';

/** An account that the provider knows, with what it takes to call for it. */
export interface TwilioAccount {
  sid: string;
  authToken: string;
  credentials: Credentials;
}

/** Credentials of an account of Twilio. */
export function twilioCredentials(authToken: string, key: { sid: string; secret: string } | undefined = undefined) {
  const value = { authToken, apiKeySid: key?.sid ?? '', apiKeySecret: key?.secret ?? '' };
  return { provider: { $case: 'twilio' as const, value } } satisfies Credentials;
}

/** Opens an account at the provider's double. */
export function atTwilio({ twilio }: RunningService, senders: string[] = ['+14255550100']): TwilioAccount {
  const [sid, authToken] = [`AC${randomBytes(16).toString('hex')}`, randomBytes(16).toString('hex')];
  twilio.accounts.set(sid, { logins: [`${sid}:${authToken}`], status: 'active', senders });
  return { sid, authToken, credentials: twilioCredentials(authToken) };
}

/** A request to create an account, with a new request id. */
export function accountCreation(
  service: RunningService,
  changes: Partial<ChannelAccount> = {},
  { sid, credentials } = atTwilio(service),
): CreateChannelAccountRequest {
  const channelAccount = ChannelAccount.fromPartial({
    displayName: `Bank ${randomUUID()}`,
    provider: Provider.TWILIO,
    providerAccountId: sid,
    apiBaseUrl: service.twilioUrl,
    ...changes,
  });
  return { requestId: randomUUID(), channelAccount, credentials };
}

/** Creates an account and returns it as answered. */
export async function createdAccount(
  configurations: Configurations,
  request: CreateChannelAccountRequest,
): Promise<ChannelAccount> {
  return present((await configurations.createChannelAccount(request)).channelAccount);
}

/** An account that the provider has confirmed. */
export async function validAccount(
  service: RunningService,
  configurations: Configurations,
  senders?: string[],
): Promise<ChannelAccount> {
  const { id } = await createdAccount(configurations, accountCreation(service, {}, atTwilio(service, senders)));
  return present((await configurations.validateChannelAccount({ channelAccountId: id })).channelAccount);
}

/** A request to create a channel of an account, with a new request id. */
export function channelCreation(channelAccountId: string, changes: Partial<Channel> = {}): CreateChannelRequest {
  const channel = Channel.fromPartial({
    channelAccountId,
    displayName: `Number ${randomUUID()}`,
    channelType: ChannelType.SMS,
    sender: '+14255550100',
    ...changes,
  });
  return { requestId: randomUUID(), channel };
}

/** Creates a channel and returns it as answered. */
export async function createdChannel(configurations: Configurations, request: CreateChannelRequest): Promise<Channel> {
  return present((await configurations.createChannel(request)).channel);
}

/** A channel that the provider has confirmed, of an account that it has confirmed too. */
export async function provisionedChannel(service: RunningService, configurations: Configurations): Promise<Channel> {
  const account = await validAccount(service, configurations);
  const { id } = await createdChannel(configurations, channelCreation(account.id));
  return present((await configurations.validateChannel({ channelId: id })).channel);
}

/** A request to create a configuration, with a new request id. */
export function configurationCreation(
  { channelId, templateId }: { channelId: string; templateId: string },
  changes: Partial<OutboundConfiguration> = {},
): CreateOutboundConfigurationRequest {
  const outboundConfiguration = OutboundConfiguration.fromPartial({
    ...{ channelId, templateId, name: `Delivery ${randomUUID()}`, channelType: ChannelType.SMS },
    ...changes,
  });
  return { requestId: randomUUID(), outboundConfiguration };
}

/** Creates a configuration and returns it as answered. */
export async function createdConfiguration(
  configurations: Configurations,
  request: CreateOutboundConfigurationRequest,
): Promise<OutboundConfiguration> {
  return present((await configurations.createOutboundConfiguration(request)).outboundConfiguration);
}

/** A request to rotate an account's credentials to others, which the provider does not know. */
export function rotation(channelAccountId: string) {
  const credentials = twilioCredentials(randomBytes(16).toString('hex'));
  return { requestId: randomUUID(), channelAccountId, credentials };
}

/** Makes a change after a neighbour was asked and before it answers. */
export async function whileAsked<Outcome, Change>(
  neighbour: Pick<TwilioDouble | TemplatesDouble, 'questions' | 'gate'>,
  ask: () => Promise<Outcome>,
  change: () => Promise<Change>,
): Promise<{ outcome: Outcome; change: Change }> {
  const askedBefore = neighbour.questions.length;
  let open = () => {};
  neighbour.gate = new Promise((resolve) => (open = resolve));
  const outcome = ask();
  await eventually(() => expect(neighbour.questions.length).toBeGreaterThan(askedBefore));
  // What is asked by the change itself is answered at once.
  neighbour.gate = undefined;
  const changed = await change();
  open();
  return { outcome: await outcome, change: changed };
}

/** What an answer must hold. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the answer is not whole');
  return value;
}
