import {
  Channel_SenderType,
  Channel_State,
  DeliveryGuarantee,
  OutboundConfiguration_ConversationCreation,
  OutboundConfiguration_State,
  Purpose,
  type OutboundConfiguration,
  type ResolveConfigurationResponse,
} from '@herald/contracts/configuration';
import { MissingSlugPolicy, type GetTemplateVersionResponse } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { HeraldError } from '@herald/errors';
import { FakeClock, refusal } from '@herald/testing';
import { configurationCache } from './configuration-cache';

const ORG = '0190a000-0000-7000-8000-000000000001';
const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';
const ID = '0190a000-0000-7000-8000-00000000000c';
const AGE_MS_MAX = 5_000;

const outboundConfiguration: OutboundConfiguration = {
  ...{ id: ID, name: 'Reminders', showInTimeline: true, channelType: ChannelType.SMS, channelId: 'channel' },
  ...{ templateId: 'template', state: OutboundConfiguration_State.ACTIVE },
  ...{ deliveryGuarantee: DeliveryGuarantee.UNSPECIFIED, purpose: Purpose.UNSPECIFIED, validFor: undefined },
  conversationCreation: OutboundConfiguration_ConversationCreation.UNSPECIFIED,
  ...{ secondaryChannelId: '', useCustomerPreferredChannel: false, workstreamId: '' },
  ...{ createTime: undefined, updateTime: undefined },
};
const resolved: ResolveConfigurationResponse = {
  outboundConfiguration,
  channel: {
    ...{ id: 'channel', channelAccountId: 'account', displayName: 'Shop', channelType: ChannelType.SMS },
    ...{ sender: '+14255550100', senderType: Channel_SenderType.UNSPECIFIED, segmentsPerSecond: 10 },
    ...{ state: Channel_State.PROVISIONED, createTime: undefined, updateTime: undefined, validationError: '' },
  },
  channelAccount: undefined,
  settings: {
    ...{ contactsPerRequestMax: 100, requestsPerHourMax: 30_000, strict2020: false, spreadSenders: false },
    ...{ revision: 1, updateTime: undefined },
  },
  blockers: [],
};
const published = (version: number): GetTemplateVersionResponse => ({
  version: {
    ...{ templateId: 'template', version, channelType: ChannelType.SMS, defaultLanguage: 'en' },
    localizedTexts: [{ language: 'en', text: 'Hello {CustomerName}' }],
    ...{ slugs: ['CustomerName'], missingSlugPolicy: MissingSlugPolicy.STRICT },
    ...{ contentSid: '', contentHash: '', publishTime: undefined },
  },
  archived: false,
});

/** Stands for both neighbours: what they answer can be changed, held back, or made to fail. */
class Neighbours {
  asked = 0;
  resolved: () => ResolveConfigurationResponse = () => resolved;
  template: () => GetTemplateVersionResponse = () => published(1);
  held: Promise<void> = Promise.resolve();

  async resolveConfiguration(): Promise<ResolveConfigurationResponse> {
    this.asked += 1;
    // What is answered is what stood when it was asked.
    const answer = this.resolved;
    await this.held;
    return answer();
  }

  async getTemplateVersion(): Promise<GetTemplateVersionResponse> {
    return this.template();
  }

  configured(changes: Partial<OutboundConfiguration>): void {
    this.resolved = () => ({ ...resolved, outboundConfiguration: { ...outboundConfiguration, ...changes } });
  }
}

const setUp = () => {
  const clock = new FakeClock();
  const neighbours = new Neighbours();
  const cache = configurationCache({
    ...{ configurations: neighbours, templates: neighbours },
    monotonicMs: () => clock.monotonicMs(),
  });
  const resolve = (org = ORG, signal = new AbortController().signal) => cache.resolve(org, ID, signal);
  return { clock, neighbours, cache, resolve };
};

describe('configurationCache', () => {
  it('pins a configuration to its sender, its published version and the limits', async () => {
    const { neighbours, resolve } = setUp();
    neighbours.configured({
      deliveryGuarantee: DeliveryGuarantee.AT_LEAST_ONCE,
      purpose: Purpose.MARKETING,
      validFor: { seconds: 90, nanos: 500_000_000 },
    });
    expect(await resolve()).toMatchObject({
      ...{ templateId: 'template', templateVersion: 1, channelId: 'channel', channelAccountId: 'account' },
      ...{ deliveryGuarantee: 'AT_LEAST_ONCE', purpose: 'MARKETING', validForMs: 90_500 },
      ...{ contactsPerRequestMax: 100, requestsPerHourMax: 30_000, showInTimeline: true },
      template: { defaultLanguage: 'en', missingSlugPolicy: 'strict' },
    });
  });

  it('takes at most once, and transactional, where the configuration says nothing', async () => {
    const { resolve } = setUp();
    expect(await resolve()).toMatchObject({
      ...{ deliveryGuarantee: 'AT_MOST_ONCE', purpose: 'TRANSACTIONAL', validForMs: undefined },
    });
  });

  it('answers CHANNEL_TYPE_UNSUPPORTED for a channel that cannot be sent through yet', async () => {
    const { neighbours, resolve } = setUp();
    neighbours.configured({ channelType: ChannelType.WHATSAPP });
    const error = await refusal(resolve());
    expect(error.reason).toBe('CHANNEL_TYPE_UNSUPPORTED');
    expect(error.detail.metadata).toEqual({ channelType: ChannelType.WHATSAPP });
  });

  it('names the first thing that stands in the way, and lists all', async () => {
    const { neighbours, resolve } = setUp();
    neighbours.resolved = () => ({ ...resolved, blockers: ['CONFIGURATION_INACTIVE', 'CHANNEL_DISABLED'] });
    neighbours.template = () => ({ ...published(1), archived: true });
    const error = await refusal(resolve());
    expect(error.reason).toBe('CONFIGURATION_INACTIVE');
    expect(error.detail.metadata?.blockers).toBe('CONFIGURATION_INACTIVE CHANNEL_DISABLED TEMPLATE_ARCHIVED');
    expect(error.detail.preconditions).toHaveLength(3);
  });

  it.each([
    ['TEMPLATE_NOT_PUBLISHED', 'TEMPLATE_NOT_PUBLISHED'],
    ['TEMPLATE_ARCHIVED', 'TEMPLATE_ARCHIVED'],
    ['TEMPLATE_NOT_FOUND', 'TEMPLATE_NOT_PUBLISHED'],
  ] as const)('reads %s of the template as %s of the configuration', async (answer, reason) => {
    const { neighbours, resolve } = setUp();
    neighbours.template = () => {
      throw new HeraldError(answer, 'None.');
    };
    expect(await refusal(resolve())).toMatchObject({ reason, detail: { preconditions: [{ type: reason }] } });
  });

  it('lets every other failure of a neighbour through as it is', async () => {
    const { neighbours, resolve } = setUp();
    neighbours.template = () => {
      throw new HeraldError('SERVICE_UNAVAILABLE', 'Away.');
    };
    expect((await refusal(resolve())).reason).toBe('SERVICE_UNAVAILABLE');
  });

  it('keeps an answer for five seconds and no longer', async () => {
    const { clock, neighbours, resolve } = setUp();
    await resolve();
    clock.advance(AGE_MS_MAX - 1);
    await resolve();
    expect(neighbours.asked).toBe(1);
    neighbours.template = () => published(2);
    clock.advance(1);
    expect((await resolve()).templateVersion).toBe(2);
    expect(neighbours.asked).toBe(2);
  });

  it('counts the age from the question: a slow answer is no younger for it', async () => {
    const { clock, neighbours, resolve } = setUp();
    const { promise, resolve: answer } = Promise.withResolvers<void>();
    neighbours.held = promise;
    const first = resolve();
    clock.advance(AGE_MS_MAX);
    answer();
    await first;
    await resolve();
    expect(neighbours.asked).toBe(2);
  });

  it('asks anew after a change was announced, and only for that organisation', async () => {
    const { neighbours, cache, resolve } = setUp();
    await Promise.all([resolve(ORG), resolve(OTHER_ORG)]);
    cache.drop(ORG);
    await Promise.all([resolve(ORG), resolve(OTHER_ORG)]);
    expect(neighbours.asked).toBe(3);
  });

  it('does not keep what was asked before the change was announced and answered after', async () => {
    const { neighbours, cache, resolve } = setUp();
    const { promise, resolve: answer } = Promise.withResolvers<void>();
    neighbours.held = promise;
    const before = resolve();
    neighbours.configured({ showInTimeline: false });
    cache.drop(ORG);
    const after = resolve();
    answer();
    expect((await before).showInTimeline).toBe(true);
    expect((await after).showInTimeline).toBe(false);
    expect((await resolve()).showInTimeline).toBe(false);
    expect(neighbours.asked).toBe(2);
  });

  it('asks once for all that want to know at the same time', async () => {
    const { neighbours, resolve } = setUp();
    await Promise.all(Array.from({ length: 20 }, () => resolve()));
    expect(neighbours.asked).toBe(1);
  });

  it('does not keep a refusal or a failure: the next call asks anew', async () => {
    const { neighbours, resolve } = setUp();
    neighbours.resolved = () => ({ ...resolved, blockers: ['CONFIGURATION_INACTIVE'] });
    const failed = await Promise.all([refusal(resolve()), refusal(resolve())]);
    expect(failed.map(({ reason }) => reason)).toEqual(['CONFIGURATION_INACTIVE', 'CONFIGURATION_INACTIVE']);
    expect(neighbours.asked).toBe(1);
    neighbours.resolved = () => resolved;
    expect((await resolve()).channelId).toBe('channel');
  });

  it('lets one caller give up without ending the question that others share', async () => {
    const { neighbours, resolve } = setUp();
    const { promise, resolve: answer } = Promise.withResolvers<void>();
    neighbours.held = promise;
    const impatient = new AbortController();
    const [given, patient] = [resolve(ORG, impatient.signal), resolve()];
    impatient.abort(new Error('gave up'));
    await expect(given).rejects.toThrow('gave up');
    answer();
    expect((await patient).channelId).toBe('channel');
    expect(neighbours.asked).toBe(1);
  });

  it('compiles the texts of a published version once', async () => {
    const { clock, neighbours, resolve } = setUp();
    const first = await resolve();
    clock.advance(AGE_MS_MAX);
    const second = await resolve();
    neighbours.template = () => published(2);
    clock.advance(AGE_MS_MAX);
    const third = await resolve();
    expect(second.template.texts).toBe(first.template.texts);
    expect(third.template.texts).not.toBe(first.template.texts);
  });
});
