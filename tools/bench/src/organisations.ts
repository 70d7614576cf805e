import { randomBytes, randomUUID } from 'node:crypto';
import { Channel, ChannelAccount, OrganizationSettings, OutboundConfiguration } from '@herald/contracts/configuration';
import { Template } from '@herald/contracts/template';
import { ChannelType, Provider } from '@herald/contracts/type';
import type { Connection } from '@herald/herald-cli';
import type { MeasuredSystem } from './system';

/** An organisation of the bench, ready to send. */
export interface Organisation {
  /** A UUID, which is also the key of its rows. */
  id: string;
  connection: Connection;
  /** One configuration for each sender. */
  configurationIds: readonly string[];
  /** Its accounts' ids at the provider. */
  accountSids: readonly string[];
}

/** How many of everything, and where the provider is. */
export interface OrganisationSettings {
  sinkUrl: string;
  accounts: number;
  /** Spread over the accounts. */
  senders: number;
}

/** Signs every callback of every account of the bench. */
export const AUTH_TOKEN = randomBytes(16).toString('hex');
/** The highest that configuration-service allows: the pace is kept for each sender, and none of them reaches it. */
export const SEGMENTS_PER_SECOND = 10_000;
/** The highest that configuration-service allows an operator. */
export const REQUESTS_PER_HOUR = 1_000_000;
const FIRST_SHORT_CODE = 10_001;
const TEXT = 'Hello {CustomerName}, order {OrderNumber} arrives on {DeliveryDate}.';
const LANGUAGE = 'en-US';

/** Makes an organisation that nobody else uses, by the public API alone. Close its connection when done. */
export async function makeOrganisation(
  system: MeasuredSystem,
  { sinkUrl, accounts, senders }: OrganisationSettings,
): Promise<Organisation> {
  const id = randomUUID();
  const connection = await system.connect(id);
  const { configuration } = connection;
  await configuration.updateOrganizationSettings({
    settings: OrganizationSettings.fromPartial({ requestsPerHourMax: REQUESTS_PER_HOUR }),
    updateMask: ['requests_per_hour_max'],
  });
  const made = await Promise.all(Array.from({ length: accounts }, () => makeAccount(connection, sinkUrl)));
  const templateId = await makeTemplate(connection);
  const configurationIds: string[] = [];
  for (let index = 0; index < senders; index += 1) {
    const channelAccountId = made[index % accounts]?.id ?? '';
    const sender = String(FIRST_SHORT_CODE + index);
    configurationIds.push(await makeConfiguration(connection, { channelAccountId, templateId, sender }));
  }
  return { id, connection, configurationIds, accountSids: made.map(({ sid }) => sid) };
}

/** Makes several, a few at a time. */
export async function makeOrganisations(
  system: MeasuredSystem,
  count: number,
  settings: OrganisationSettings,
): Promise<Organisation[]> {
  const organisations: Organisation[] = [];
  while (organisations.length < count) {
    const some = Math.min(MADE_AT_ONCE, count - organisations.length);
    organisations.push(...(await Promise.all(Array.from({ length: some }, () => makeOrganisation(system, settings)))));
  }
  return organisations;
}

/** Closes the connections of organisations that are needed no more. */
export function letGo(organisations: readonly Organisation[]): void {
  for (const { connection } of organisations) connection.close();
}

const MADE_AT_ONCE = 5;

async function makeAccount({ configuration }: Connection, sinkUrl: string): Promise<{ id: string; sid: string }> {
  const sid = `AC${randomBytes(16).toString('hex')}`;
  const { channelAccount } = await configuration.createChannelAccount({
    requestId: randomUUID(),
    channelAccount: ChannelAccount.fromPartial({
      ...{ displayName: sid, provider: Provider.TWILIO, providerAccountId: sid, apiBaseUrl: sinkUrl },
    }),
    credentials: { provider: { $case: 'twilio', value: { authToken: AUTH_TOKEN, apiKeySid: '', apiKeySecret: '' } } },
  });
  const id = channelAccount?.id ?? '';
  await configuration.validateChannelAccount({ channelAccountId: id });
  return { id, sid };
}

async function makeTemplate({ template: client }: Connection): Promise<string> {
  const { template } = await client.createTemplate({
    requestId: randomUUID(),
    template: Template.fromPartial({
      ...{ name: 'Delivery notice', channelType: ChannelType.SMS, defaultLanguage: LANGUAGE },
      localizedTexts: [{ language: LANGUAGE, text: TEXT }],
    }),
  });
  const templateId = template?.id ?? '';
  await client.publishTemplate({ requestId: randomUUID(), templateId });
  return templateId;
}

async function makeConfiguration(
  { configuration }: Connection,
  { channelAccountId, templateId, sender }: { channelAccountId: string; templateId: string; sender: string },
): Promise<string> {
  const { channel } = await configuration.createChannel({
    requestId: randomUUID(),
    channel: Channel.fromPartial({
      ...{ channelAccountId, displayName: `Sender ${sender}`, channelType: ChannelType.SMS, sender },
      segmentsPerSecond: SEGMENTS_PER_SECOND,
    }),
  });
  const channelId = channel?.id ?? '';
  await configuration.validateChannel({ channelId });
  const { outboundConfiguration } = await configuration.createOutboundConfiguration({
    requestId: randomUUID(),
    outboundConfiguration: OutboundConfiguration.fromPartial({
      ...{ name: `Delivery notices from ${sender}`, channelType: ChannelType.SMS, channelId, templateId },
    }),
  });
  return outboundConfiguration?.id ?? '';
}
