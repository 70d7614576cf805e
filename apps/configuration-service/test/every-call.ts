import { randomUUID } from 'node:crypto';
import {
  Channel,
  ChannelAccount,
  Flow,
  OrganizationSettings,
  OutboundConfiguration,
} from '@herald/contracts/configuration';
import type { CONFIGURATION_ACCESS } from '../src/access';
import { accountCreation, channelCreation, configurationCreation, rotation } from './given';
import type { Configurations, RunningService } from './running-service';

/** The name of an RPC as clients call it. */
export type Rpc = keyof typeof CONFIGURATION_ACCESS;

/** What calls are about. */
export interface Subjects {
  channelAccountId: string;
  channelId: string;
  outboundConfigurationId: string;
  templateId: string;
  pathSegment: string;
}

/** One valid call of each RPC. The order is one in which none spoils what the next needs. */
export function everyCall(
  service: RunningService,
  subjects: Subjects,
): Record<Rpc, (caller: Configurations) => Promise<unknown>> {
  return { ...readingCalls(subjects), ...writingCalls(service, subjects), ...laterCalls() };
}

const PAGE = { pageSize: 0, pageToken: '' };

function readingCalls({ channelAccountId, channelId, outboundConfigurationId, pathSegment }: Subjects) {
  return {
    getChannelAccount: (caller) => caller.getChannelAccount({ channelAccountId }),
    listChannelAccounts: (caller) => caller.listChannelAccounts(PAGE),
    getChannelById: (caller) => caller.getChannelById({ channelId }),
    listChannels: (caller) => caller.listChannels(PAGE),
    getOutboundConfiguration: (caller) => caller.getOutboundConfiguration({ outboundConfigurationId }),
    listOutboundConfigurations: (caller) => caller.listOutboundConfigurations(PAGE),
    getOrganizationSettings: (caller) => caller.getOrganizationSettings({}),
    resolveConfiguration: (caller) => caller.resolveConfiguration({ outboundConfigurationId }),
    getChannelAccountCredentials: (caller) => caller.getChannelAccountCredentials({ channelAccountId }),
    resolveWebhookAccount: (caller) => caller.resolveWebhookAccount({ pathSegment }),
  } satisfies Partial<Record<Rpc, (caller: Configurations) => Promise<unknown>>>;
}

function writingCalls(
  service: RunningService,
  { channelAccountId, channelId, outboundConfigurationId, templateId }: Subjects,
) {
  const channelAccount = ChannelAccount.fromPartial({ id: channelAccountId, displayName: randomUUID() });
  const channel = Channel.fromPartial({ id: channelId, displayName: randomUUID() });
  const outboundConfiguration = OutboundConfiguration.fromPartial({ id: outboundConfigurationId, name: randomUUID() });
  const settings = OrganizationSettings.fromPartial({ contactsPerRequestMax: 10 });
  const updateMask: string[] = [];
  return {
    createChannelAccount: (caller) => caller.createChannelAccount(accountCreation(service)),
    updateChannelAccount: (caller) => caller.updateChannelAccount({ channelAccount, updateMask }),
    validateChannelAccount: (caller) => caller.validateChannelAccount({ channelAccountId }),
    createChannel: (caller) => caller.createChannel(channelCreation(channelAccountId, { sender: '54321' })),
    updateChannel: (caller) => caller.updateChannel({ channel, updateMask }),
    validateChannel: (caller) => caller.validateChannel({ channelId }),
    createOutboundConfiguration: (caller) =>
      caller.createOutboundConfiguration(configurationCreation({ channelId, templateId })),
    updateOutboundConfiguration: (caller) => caller.updateOutboundConfiguration({ outboundConfiguration, updateMask }),
    activateOutboundConfiguration: (caller) => caller.activateOutboundConfiguration({ outboundConfigurationId }),
    deactivateOutboundConfiguration: (caller) => caller.deactivateOutboundConfiguration({ outboundConfigurationId }),
    updateOrganizationSettings: (caller) => caller.updateOrganizationSettings({ settings, updateMask }),
    disableChannel: (caller) => caller.disableChannel({ channelId }),
    rotateChannelAccountCredentials: (caller) => caller.rotateChannelAccountCredentials(rotation(channelAccountId)),
    disableChannelAccount: (caller) => caller.disableChannelAccount({ channelAccountId }),
  } satisfies Partial<Record<Rpc, (caller: Configurations) => Promise<unknown>>>;
}

function laterCalls() {
  const [flowId, requestId] = [randomUUID(), randomUUID()];
  const flow = Flow.fromPartial({ id: flowId, name: 'Reminder' });
  return {
    createFlow: (caller) => caller.createFlow({ requestId, flow }),
    getFlow: (caller) => caller.getFlow({ flowId }),
    listFlows: (caller) => caller.listFlows(PAGE),
    updateFlow: (caller) => caller.updateFlow({ flow, updateMask: [] }),
    activateFlow: (caller) => caller.activateFlow({ flowId }),
    deactivateFlow: (caller) => caller.deactivateFlow({ flowId }),
    submitProviderTemplate: (caller) =>
      caller.submitProviderTemplate({ requestId, channelAccountId: flowId, name: 'a', language: 'en', text: 'a' }),
    getProviderTemplate: (caller) => caller.getProviderTemplate({ channelAccountId: flowId, contentSid: '' }),
  } satisfies Partial<Record<Rpc, (caller: Configurations) => Promise<unknown>>>;
}
