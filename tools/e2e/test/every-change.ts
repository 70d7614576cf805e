import { randomUUID } from 'node:crypto';
import {
  Channel,
  ChannelAccount,
  OrganizationSettings,
  OutboundConfiguration,
  Purpose,
} from '@herald/contracts/configuration';
import {
  Hold,
  Hold_Kind,
  Message,
  MessageState,
  OutboundRequest,
  SendReplyResponse,
  StreamOpening,
} from '@herald/contracts/dispatch';
import { Template } from '@herald/contracts/template';
import { ChannelType, Provider } from '@herald/contracts/type';
import type { Connection, SampleOrganisation } from '@herald/herald-cli';
import { v5 as uuidv5 } from 'uuid';
import { eventually } from '@herald/testing';
import { contactOf, messageIdOf, requestOf } from './requests';

/** The organisation whose log is looked at. */
export const ORG = '0190a000-0000-7000-8000-0000000a0d17';
/** Sent with and stored, and to stand in no entry. */
export const CANARY = {
  ...{ phone: '+14255550166', name: 'Kanarienvogel', sender: '+15005550177' },
  ...{ authToken: 'fedcba9876543210fedcba9876543210', apiKeySecret: 'canary-api-key-secret' },
};

type Kind =
  'hold' | 'reply' | 'template' | 'channelAccount' | 'channel' | 'outboundConfiguration' | 'organizationSettings';
/** What an answer shows of what was changed. */
export type Shown = { id: string; shown: unknown };

/** A call that changes something, made ready. */
export interface Change {
  kind: Kind | 'outboundRequest' | 'message';
  request: object;
  /** A request to the same RPC that is refused for what it says. */
  refused: object;
  /** What is changed, as it is before; absent where it is made. */
  before?: object;
  /** Who alone may call it, where no user may. */
  caller?: 'conversation';
  /** It has an effect each time it is called: the provider is asked again. */
  isDoneAgain?: true;
  /** How it is called again, and the request id its entry has, where the request does not say. */
  repeat?: object;
  requestId?: string;
}

/** What a change works with. */
export interface Scene {
  all: Connection;
  operator: Connection;
  made: SampleOrganisation;
  simulatorUrl: string;
}

/** What an answer shows of what was changed, without what an entry leaves out. */
export const SHOWN: Record<Change['kind'], (answer: never) => Shown> = {
  template: ({ template: one }: { template: Template }) => ({ id: one.id, shown: Template.toJSON(one) }),
  channelAccount: ({ channelAccount: one }: { channelAccount: ChannelAccount }) => ({
    id: one.id,
    shown: ChannelAccount.toJSON({ ...one, inboundWebhookUrl: '', statusWebhookUrl: '' }),
  }),
  channel: ({ channel: one }: { channel: Channel }) => ({ id: one.id, shown: Channel.toJSON({ ...one, sender: '' }) }),
  outboundConfiguration: ({ outboundConfiguration: one }: { outboundConfiguration: OutboundConfiguration }) => ({
    id: one.id,
    shown: OutboundConfiguration.toJSON(one),
  }),
  organizationSettings: ({ settings }: { settings: OrganizationSettings }) => ({
    id: ORG,
    shown: OrganizationSettings.toJSON(settings),
  }),
  outboundRequest: (
    answer: { outboundRequest: OutboundRequest } | { step: { value: { outboundRequest: OutboundRequest } } },
  ) => {
    const { outboundRequest } = 'step' in answer ? answer.step.value : answer;
    const { id, outboundConfigurationId, counts, cancelTime, paused } = outboundRequest;
    const kept = { id, outboundConfigurationId, counts, cancelTime, paused };
    return { id, shown: OutboundRequest.toJSON(OutboundRequest.fromPartial(kept)) };
  },
  hold: ({ hold }: { hold: Hold }) => ({ id: hold.id, shown: Hold.toJSON({ ...hold, note: '' }) }),
  reply: (reply: SendReplyResponse) => ({ id: reply.messageId, shown: SendReplyResponse.toJSON(reply) }),
  message: ({ message }: { message: Message }) => {
    const { id, outboundRequestId, attempt, state, reason } = message;
    return { id, shown: Message.toJSON(Message.fromPartial({ id, outboundRequestId, attempt, state, reason })) };
  },
};

/** One call of each RPC that changes something and is served. */
export const CHANGES: Record<string, (scene: Scene) => Promise<Change>> = {
  CreateTemplate: async () => ({
    kind: 'template',
    request: { requestId: randomUUID(), template: draft() },
    refused: { requestId: randomUUID(), template: draft({ name: '' }) },
  }),
  UpdateTemplate: async ({ all }) => {
    const before = await all.template.createTemplate({ requestId: randomUUID(), template: draft() });
    const template = Template.fromPartial({ id: idOf(before.template), name: randomUUID() });
    const request = { template, updateMask: ['name'], revision: 1 };
    return { kind: 'template', before, request, refused: { ...request, revision: 9 } };
  },
  PublishTemplate: async ({ all, made }) => {
    const before = await all.template.createTemplate({ requestId: randomUUID(), template: draft() });
    const request = { requestId: randomUUID(), templateId: idOf(before.template) };
    const refused = { requestId: randomUUID(), templateId: made.templateId };
    return { kind: 'template', before, request, refused };
  },
  ArchiveTemplate: async ({ all }) => {
    const before = await all.template.createTemplate({ requestId: randomUUID(), template: draft() });
    return { kind: 'template', before, ...byId('templateId', idOf(before.template)) };
  },
  CreateChannelAccount: async ({ simulatorUrl }) => ({
    kind: 'channelAccount',
    request: accountCreation(simulatorUrl),
    refused: { ...accountCreation(simulatorUrl), credentials: undefined },
  }),
  UpdateChannelAccount: async (scene) => {
    const { id, before } = await accountOf(scene);
    const request = { channelAccount: ChannelAccount.fromPartial({ id, displayName: randomUUID() }), updateMask: [] };
    return { kind: 'channelAccount', before, request, refused: { ...request, updateMask: ['provider'] } };
  },
  ValidateChannelAccount: async (scene) => {
    const { id, before } = await accountOf(scene);
    return { kind: 'channelAccount', before, ...byId('channelAccountId', id), isDoneAgain: true };
  },
  RotateChannelAccountCredentials: async (scene) => {
    const { id, before } = await accountOf(scene);
    const request = { requestId: randomUUID(), channelAccountId: id, credentials: credentials() };
    return { kind: 'channelAccount', before, request, refused: { ...request, channelAccountId: randomUUID() } };
  },
  DisableChannelAccount: async (scene) => {
    const { id, before } = await accountOf(scene);
    return { kind: 'channelAccount', before, ...byId('channelAccountId', id) };
  },
  CreateChannel: async ({ made }) => ({
    kind: 'channel',
    request: channelCreation(made, CANARY.sender),
    refused: channelCreation(made, CANARY.phone.slice(0, 4)),
  }),
  UpdateChannel: async (scene) => {
    const { id, before } = await channelOf(scene, '+15005550101');
    const request = { channel: Channel.fromPartial({ id, displayName: randomUUID() }), updateMask: [] };
    return { kind: 'channel', before, request, refused: { ...request, updateMask: ['sender'] } };
  },
  ValidateChannel: async (scene) => {
    const { id, before } = await channelOf(scene, '+15005550102');
    return { kind: 'channel', before, ...byId('channelId', id) };
  },
  DisableChannel: async (scene) => {
    const { id, before } = await channelOf(scene, '+15005550103');
    return { kind: 'channel', before, ...byId('channelId', id) };
  },
  CreateOutboundConfiguration: async ({ made }) => ({
    kind: 'outboundConfiguration',
    request: configurationCreation(made),
    refused: configurationCreation({ ...made, channelId: randomUUID() }),
  }),
  UpdateOutboundConfiguration: async (scene) => {
    const { id, before } = await configurationOf(scene);
    const outboundConfiguration = OutboundConfiguration.fromPartial({ id, purpose: Purpose.MARKETING });
    const request = { outboundConfiguration, updateMask: ['purpose'] };
    return { kind: 'outboundConfiguration', before, request, refused: { ...request, updateMask: ['state'] } };
  },
  ActivateOutboundConfiguration: async (scene) => {
    const { id } = await configurationOf(scene);
    const before = await scene.all.configuration.deactivateOutboundConfiguration({ outboundConfigurationId: id });
    return { kind: 'outboundConfiguration', before, ...byId('outboundConfigurationId', id) };
  },
  DeactivateOutboundConfiguration: async (scene) => {
    const { id, before } = await configurationOf(scene);
    return { kind: 'outboundConfiguration', before, ...byId('outboundConfigurationId', id) };
  },
  UpdateOrganizationSettings: async ({ all }) => {
    const before = await all.configuration.getOrganizationSettings({});
    const settings = OrganizationSettings.fromPartial({ requestsPerHourMax: 29_999 });
    const request = { settings, updateMask: ['requests_per_hour_max'] };
    const impossible = { ...request, settings: { ...settings, requestsPerHourMax: -1 } };
    return { kind: 'organizationSettings', before, request, refused: impossible };
  },
  SendOutboundMessages: async ({ made }) => {
    const contextItems = { CustomerName: CANARY.name, OrderNumber: 'A', DeliveryDate: 'B' };
    const contacts = [
      contactOf({ toContactId: CANARY.phone, contextItems, clientReference: CANARY.phone }),
      contactOf({ optin: false }),
      contactOf({ toContactId: '+999123' }),
    ];
    const request = requestOf(made.outboundConfigurationId, contacts);
    return { kind: 'outboundRequest', request, refused: requestOf(randomUUID(), contacts) };
  },
  CancelRequest: async (scene) => {
    const { outboundRequestId, before } = await waitingRequest(scene);
    return { kind: 'outboundRequest', before, ...byId('outboundRequestId', outboundRequestId) };
  },
  PauseRequest: async (scene) => {
    const { outboundRequestId, before } = await waitingRequest(scene);
    return { kind: 'outboundRequest', before, ...byId('outboundRequestId', outboundRequestId) };
  },
  ResumeRequest: async (scene) => {
    const { outboundRequestId } = await waitingRequest(scene);
    const before = await scene.all.dispatch.pauseRequest({ outboundRequestId });
    return { kind: 'outboundRequest', before, ...byId('outboundRequestId', outboundRequestId) };
  },
  PlaceHold: async (scene) => {
    const request = holding((await waitingRequest(scene)).outboundRequestId);
    return { kind: 'hold', request, refused: holding(randomUUID()) };
  },
  ReleaseHold: async (scene) => {
    const { outboundRequestId } = await waitingRequest(scene);
    const before = await scene.operator.dispatch.placeHold(holding(outboundRequestId));
    return { kind: 'hold', before, ...byId('holdId', idOf(before.hold)) };
  },
  SendReply: async ({ made: { channelId } }) => {
    const of = { requestId: randomUUID(), conversationId: randomUUID() };
    const request = { ...of, channelId, toAddress: CANARY.phone, text: `Hello ${CANARY.name}` };
    return { kind: 'reply', request, refused: { ...request, channelId: randomUUID() }, caller: 'conversation' };
  },
  StreamOutboundMessages: async ({ made: { outboundConfigurationId } }) => {
    const streamId = randomUUID();
    const openingOf = (id: string) => ({
      step: { $case: 'opening', value: StreamOpening.fromPartial({ streamId, outboundConfigurationId: id }) },
    });
    const contacts = [
      contactOf({ toContactId: CANARY.phone, customerName: CANARY.name, clientReference: CANARY.phone }),
    ];
    const steps = (id: string) => [openingOf(id), { step: { $case: 'contacts', value: { contacts } } }];
    return {
      ...{ kind: 'outboundRequest', requestId: uuidv5('0', streamId), repeat: [openingOf(outboundConfigurationId)] },
      ...{ request: steps(outboundConfigurationId), refused: steps(randomUUID()) },
    };
  },
  ResolveMessage: async (scene) => {
    const { messageId, before } = await unknownMessage(scene);
    const request = { messageId, state: MessageState.DELIVERED, evidence: `Asked ${CANARY.phone}.` };
    return { kind: 'message', before, request, refused: { ...request, state: MessageState.QUEUED } };
  },
};

function idOf(made: { id: string } | undefined): string {
  if (made === undefined) throw new Error('a service answered without what it made');
  return made.id;
}

/** A request that is nothing but an id, and the same with an id of nothing. */
function byId(field: string, id: string): Pick<Change, 'request' | 'refused'> {
  return { request: { [field]: id }, refused: { [field]: randomUUID() } };
}

/** A request whose messages stand still, for they are to be sent in an hour. */
async function waitingRequest({ all, made }: Scene): Promise<{ outboundRequestId: string; before: object }> {
  const readyTime = new Date(Date.now() + 3_600_000);
  const request = requestOf(made.outboundConfigurationId, [contactOf()], { readyTime });
  const { outboundRequest } = await all.dispatch.sendOutboundMessages(request);
  const outboundRequestId = idOf(outboundRequest);
  return { outboundRequestId, before: await all.dispatch.getRequest({ outboundRequestId }) };
}

function holding(subjectId: string) {
  const hold = Hold.fromPartial({ kind: Hold_Kind.REQUEST, subjectId, note: `Asked for by ${CANARY.phone}.` });
  return { requestId: randomUUID(), hold };
}

/** A message whose outcome nobody knows: the provider failed as it was sent. */
async function unknownMessage({ all, made, simulatorUrl }: Scene): Promise<{ messageId: string; before: object }> {
  const faults = (spec: string) =>
    fetch(`${simulatorUrl}/_ctl/faults`, { method: 'POST', body: JSON.stringify({ faults: spec }) });
  await faults('500:1');
  const { results } = await all.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, [contactOf()]));
  const messageId = messageIdOf(results[0]);
  const before = await eventually(async () => {
    const found = await all.dispatch.getMessage({ messageId });
    if (found.message?.state !== MessageState.UNKNOWN) throw new Error('the outcome is not unknown yet');
    return found;
  });
  await faults('none');
  return { messageId, before };
}

function draft(changed: Partial<Template> = {}): Template {
  return Template.fromPartial({
    ...{ name: randomUUID(), channelType: ChannelType.SMS, defaultLanguage: 'en-US' },
    localizedTexts: [{ language: 'en-US', text: 'Hello {CustomerName}' }],
    ...changed,
  });
}

function credentials() {
  const { authToken, apiKeySecret } = CANARY;
  return {
    provider: { $case: 'twilio' as const, value: { authToken, apiKeySid: `SK${'0'.repeat(32)}`, apiKeySecret } },
  };
}

function accountCreation(apiBaseUrl: string) {
  const providerAccountId = `AC${randomUUID().replaceAll('-', '')}`;
  const channelAccount = ChannelAccount.fromPartial({
    ...{ displayName: randomUUID(), provider: Provider.TWILIO, providerAccountId, apiBaseUrl },
  });
  return { requestId: randomUUID(), channelAccount, credentials: credentials() };
}

async function accountOf({ all, simulatorUrl }: Scene): Promise<{ id: string; before: object }> {
  const before = await all.configuration.createChannelAccount(accountCreation(simulatorUrl));
  return { id: idOf(before.channelAccount), before };
}

function channelCreation({ channelAccountId }: SampleOrganisation, sender: string) {
  const channel = Channel.fromPartial({
    channelAccountId,
    displayName: randomUUID(),
    channelType: ChannelType.SMS,
    sender,
  });
  return { requestId: randomUUID(), channel };
}

async function channelOf({ all, made }: Scene, sender: string): Promise<{ id: string; before: object }> {
  const before = await all.configuration.createChannel(channelCreation(made, sender));
  return { id: idOf(before.channel), before };
}

function configurationCreation({ channelId, templateId }: SampleOrganisation) {
  const outboundConfiguration = OutboundConfiguration.fromPartial({
    ...{ name: randomUUID(), channelType: ChannelType.SMS, channelId, templateId },
  });
  return { requestId: randomUUID(), outboundConfiguration };
}

async function configurationOf({ all, made }: Scene): Promise<{ id: string; before: object }> {
  const before = await all.configuration.createOutboundConfiguration(configurationCreation(made));
  return { id: idOf(before.outboundConfiguration), before };
}
