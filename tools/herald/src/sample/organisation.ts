import { SAMPLE_ACCOUNT } from '@herald/simulator';
import { ChannelAccount, Channel, OutboundConfiguration } from '@herald/contracts/configuration';
import { Template } from '@herald/contracts/template';
import { ChannelType, Provider } from '@herald/contracts/type';
import { v5 as uuidv5 } from 'uuid';
import type { Connection } from '../client/connect';
import { SAMPLE_TEMPLATE } from './template';

/** What the sample organisation can send with. */
export interface SampleOrganisation {
  channelAccountId: string;
  channelId: string;
  templateId: string;
  outboundConfigurationId: string;
}

/** Request ids follow from it, so that a sample of which a crash left a part is made whole. */
const NAMESPACE = '0d9f8a56-5f4e-4d0c-9a63-3d3f3a1a9c11';
/** A short code of the simulator's sample account, and what a short code carries. */
const SENDER = '12345';
const SEGMENTS_PER_SECOND = 100;
const PAGE_SIZE = 500;

/**
 * Makes what the sample organisation sends with, by the public API alone. One that was made before is found by the name
 * of its configuration: request ids are remembered for 30 days, and another version of Herald may make another sample.
 */
export async function makeSampleOrganisation(
  { configuration, template }: Connection,
  { org, simulatorUrl }: { org: string; simulatorUrl: string },
): Promise<SampleOrganisation> {
  const name = `Sample delivery notices at ${simulatorUrl}`;
  const made = await configurationNamed(name, configuration);
  if (made) return withAccount(made, configuration);
  const requestId = (what: string) => uuidv5(`${org}/${simulatorUrl}/${what}`, NAMESPACE);
  const { channelAccount } = await configuration.createChannelAccount({
    requestId: requestId('account'),
    channelAccount: ChannelAccount.fromPartial({
      displayName: `Sample account at ${simulatorUrl}`,
      provider: Provider.TWILIO,
      providerAccountId: SAMPLE_ACCOUNT.sid,
      apiBaseUrl: simulatorUrl,
    }),
    credentials: {
      provider: { $case: 'twilio', value: { authToken: SAMPLE_ACCOUNT.authToken, apiKeySid: '', apiKeySecret: '' } },
    },
  });
  const channelAccountId = idOf(channelAccount);
  await configuration.validateChannelAccount({ channelAccountId });
  const { channel } = await configuration.createChannel({
    requestId: requestId('channel'),
    channel: Channel.fromPartial({
      channelAccountId,
      displayName: `Sample short code at ${simulatorUrl}`,
      channelType: ChannelType.SMS,
      sender: SENDER,
      segmentsPerSecond: SEGMENTS_PER_SECOND,
    }),
  });
  const channelId = idOf(channel);
  await configuration.validateChannel({ channelId });
  const templateId = await makeTemplate(template, requestId);
  const { outboundConfiguration } = await configuration.createOutboundConfiguration({
    requestId: requestId('configuration'),
    outboundConfiguration: OutboundConfiguration.fromPartial({
      name,
      channelType: ChannelType.SMS,
      channelId,
      templateId,
    }),
  });
  return { channelAccountId, channelId, templateId, outboundConfigurationId: idOf(outboundConfiguration) };
}

async function configurationNamed(
  name: string,
  client: Connection['configuration'],
): Promise<OutboundConfiguration | undefined> {
  let pageToken = '';
  do {
    const page = await client.listOutboundConfigurations({ pageSize: PAGE_SIZE, pageToken });
    const found = page.outboundConfigurations.find((configuration) => configuration.name === name);
    if (found) return found;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return undefined;
}

async function withAccount(
  { id, channelId, templateId }: OutboundConfiguration,
  client: Connection['configuration'],
): Promise<SampleOrganisation> {
  const { channel } = await client.getChannelById({ channelId });
  return { channelAccountId: channel?.channelAccountId ?? '', channelId, templateId, outboundConfigurationId: id };
}

async function makeTemplate(client: Connection['template'], requestId: (what: string) => string): Promise<string> {
  const { template } = await client.createTemplate({
    requestId: uuidv5('template', requestId('template')),
    template: Template.fromPartial({
      name: `${SAMPLE_TEMPLATE.name} ${requestId('template').slice(0, 8)}`,
      channelType: ChannelType.SMS,
      defaultLanguage: SAMPLE_TEMPLATE.defaultLanguage,
      localizedTexts: Object.entries(SAMPLE_TEMPLATE.texts).map(([language, text]) => ({ language, text })),
    }),
  });
  const templateId = idOf(template);
  await client.publishTemplate({ requestId: requestId('publish'), templateId });
  return templateId;
}

function idOf(made: { id: string } | undefined): string {
  if (made === undefined) throw new Error('a service answered without what it made');
  return made.id;
}
