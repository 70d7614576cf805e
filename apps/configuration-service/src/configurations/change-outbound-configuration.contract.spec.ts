import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import {
  DeliveryGuarantee,
  OutboundConfiguration,
  OutboundConfiguration_ConversationCreation as ConversationCreation,
  OutboundConfiguration_State as State,
  Purpose,
  type Channel,
} from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import { configurationCreation, createdConfiguration, provisionedChannel, whileAsked } from '../../test/given';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';
import { SPOILT } from '../../test/spoilt';

let service: RunningService;
let org: string;
let configurations: Configurations;
let channel: Channel;
let templateId: string;

/** A request on the channel and the template of each test. */
const creation = (changes: Partial<OutboundConfiguration> = {}) =>
  configurationCreation({ channelId: channel.id, templateId }, changes);

const created = (changes: Partial<OutboundConfiguration> = {}) =>
  createdConfiguration(configurations, creation(changes));

const update = (id: string, changes: Partial<OutboundConfiguration>, updateMask: string[] = []) =>
  configurations.updateOutboundConfiguration({
    outboundConfiguration: OutboundConfiguration.fromPartial({ id, ...changes }),
    updateMask,
  });

const activate = (outboundConfigurationId: string) =>
  configurations.activateOutboundConfiguration({ outboundConfigurationId });

const deactivate = (outboundConfigurationId: string) =>
  configurations.deactivateOutboundConfiguration({ outboundConfigurationId });

describe('ConfigurationService, changes of outbound configurations', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(async () => {
    org = randomUUID();
    configurations = service.as({ org });
    service.templates.failure = undefined;
    service.templates.gate = undefined;
    channel = await provisionedChannel(service, configurations);
    templateId = service.templates.make(org);
  });

  describe('UpdateOutboundConfiguration', () => {
    it('changes what the mask names, and keeps the id', async () => {
      const configuration = await created({ validFor: { seconds: 60, nanos: 0 }, showInTimeline: true });
      service.clock.advance(1_000);
      const mask = ['name', 'show_in_timeline', 'valid_for'];
      const { outboundConfiguration } = await update(
        configuration.id,
        { name: 'New', purpose: Purpose.MARKETING },
        mask,
      );
      expect(outboundConfiguration).toEqual({
        ...configuration,
        ...{ name: 'New', showInTimeline: false, validFor: undefined },
        updateTime: service.clock.now(),
      });
    });

    it('changes what is set where there is no mask', async () => {
      const configuration = await created();
      const chosen = {
        ...{ name: 'New', showInTimeline: true, purpose: Purpose.MARKETING, validFor: { seconds: 60, nanos: 0 } },
        deliveryGuarantee: DeliveryGuarantee.AT_LEAST_ONCE,
        conversationCreation: ConversationCreation.ON_SEND,
      };
      expect(await update(configuration.id, chosen)).toEqual({
        outboundConfiguration: { ...configuration, ...chosen },
      });
    });

    it('asks template-service only where channel or template change', async () => {
      const { id } = await created();
      const asked = service.templates.questions.length;
      await update(id, { name: 'New' });
      expect(service.templates.questions).toHaveLength(asked);
      const another = service.templates.make(org);
      const { outboundConfiguration } = await update(id, { templateId: another });
      expect(outboundConfiguration).toMatchObject({ id, templateId: another, channelId: channel.id });
      expect(service.templates.questions.slice(asked)).toEqual([another]);
    });

    it.each(SPOILT)('%s: a change to what cannot be sent with is refused', async (reason, spoil) => {
      const { id } = await created();
      await spoil({ service, org, configurations, channel, templateId });
      expect((await refusal(update(id, { channelId: channel.id, templateId }))).reason).toBe(reason);
      await update(id, { name: 'A name can be changed all the same' });
    });

    it('takes back a configuration as it was read, and what changes nothing is no change', async () => {
      const outboundConfiguration = await created();
      service.clock.advance(1_000);
      expect(await update(outboundConfiguration.id, outboundConfiguration)).toEqual({ outboundConfiguration });
    });

    it('judges only what the mask names', async () => {
      const configuration = await created();
      const besides = {
        ...{ validFor: { seconds: 0, nanos: 0 }, purpose: Purpose.UNRECOGNIZED, secondaryChannelId: randomUUID() },
        ...{ useCustomerPreferredChannel: true, workstreamId: randomUUID(), channelType: ChannelType.WHATSAPP },
      };
      expect(await update(configuration.id, { name: 'New', ...besides }, ['name'])).toEqual({
        outboundConfiguration: { ...configuration, name: 'New' },
      });
    });

    it('FIELD_MASK_INVALID: what may not change', async () => {
      const { id } = await created();
      const error = await refusal(update(id, {}, ['channel_type', 'state', 'name']));
      expect(error.reason).toBe('FIELD_MASK_INVALID');
      expect(faultsOf(error)).toEqual([
        'update_mask.paths[0] FIELD_IMMUTABLE',
        'update_mask.paths[1] FIELD_UNKNOWN_VALUE',
      ]);
    });

    it('INVALID_FIELD: without a mask, what stays as it was created with', async () => {
      const { id } = await created();
      const error = await refusal(update(id, { name: 'New', channelType: ChannelType.WHATSAPP }));
      expect(faultsOf(error)).toEqual(['outbound_configuration.channel_type FIELD_IMMUTABLE']);
    });

    it.each([[[]], [['workstream_id', 'name']]])(
      'INVALID_FIELD: what nothing serves, with the mask %j',
      async (mask) => {
        const { id } = await created();
        const error = await refusal(update(id, { name: 'New', workstreamId: randomUUID() }, mask));
        expect(faultsOf(error)).toEqual(['outbound_configuration.workstream_id FIELD_NOT_ALLOWED']);
      },
    );

    it('keeps both of two changes at once', async () => {
      const { id } = await created();
      const another = service.templates.make(org);
      const changes = [{ name: `New ${id}` }, { showInTimeline: true }, { templateId: another }];
      await Promise.all(changes.map((change) => update(id, change)));
      expect(await configurations.getOutboundConfiguration({ outboundConfigurationId: id })).toMatchObject({
        outboundConfiguration: { name: `New ${id}`, showInTimeline: true, templateId: another },
      });
    });

    it('REVISION_STALE: moved to another channel while its template was replaced', async () => {
      const { id } = await created();
      const another = service.templates.make(org);
      const { outcome } = await whileAsked(
        service.templates,
        () => refusal(update(id, { channelId: channel.id }, ['channel_id'])),
        () => update(id, { templateId: another }),
      );
      expect(outcome.reason).toBe('REVISION_STALE');
    });

    it('INVALID_FIELD, CONFIGURATION_NOT_FOUND, CONFIGURATION_NAME_TAKEN', async () => {
      expect(faultsOf(await refusal(update('', { name: ' ' }, ['name', 'channel_id'])))).toEqual([
        'outbound_configuration.id FIELD_REQUIRED',
        'outbound_configuration.name FIELD_REQUIRED',
        'outbound_configuration.channel_id FIELD_REQUIRED',
      ]);
      expect((await refusal(update(randomUUID(), { name: 'x' }))).reason).toBe('CONFIGURATION_NOT_FOUND');
      const [{ name }, { id }] = [await created(), await created()];
      expect((await refusal(update(id, { name }))).reason).toBe('CONFIGURATION_NAME_TAKEN');
    });
  });

  describe('ActivateOutboundConfiguration and DeactivateOutboundConfiguration', () => {
    it('stop a configuration and let it go on, and again without a change', async () => {
      const configuration = await created();
      service.clock.advance(1_000);
      const inactive = { ...configuration, state: State.INACTIVE, updateTime: service.clock.now() };
      expect(await deactivate(configuration.id)).toEqual({ outboundConfiguration: inactive });
      service.clock.advance(1_000);
      expect(await deactivate(configuration.id)).toEqual({ outboundConfiguration: inactive });
      const active = { ...configuration, updateTime: service.clock.now() };
      expect(await activate(configuration.id)).toEqual({ outboundConfiguration: active });
    });

    it.each(SPOILT)(
      '%s: is deactivated in any case, and not activated before that is mended',
      async (reason, spoil) => {
        const { id } = await created();
        await spoil({ service, org, configurations, channel, templateId });
        expect((await deactivate(id)).outboundConfiguration?.state).toBe(State.INACTIVE);
        expect((await refusal(activate(id))).reason).toBe(reason);
      },
    );

    it('REVISION_STALE: a template that was replaced while template-service was asked about it', async () => {
      const { id } = await created();
      await deactivate(id);
      const another = service.templates.make(org);
      const { outcome, change } = await whileAsked(
        service.templates,
        () => refusal(activate(id)),
        () => update(id, { templateId: another }),
      );
      expect(outcome.reason).toBe('REVISION_STALE');
      expect(await configurations.getOutboundConfiguration({ outboundConfigurationId: id })).toEqual(change);
    });

    it('INVALID_FIELD, CONFIGURATION_NOT_FOUND: nothing to stop', async () => {
      for (const change of [activate, deactivate]) {
        expect(faultsOf(await refusal(change('')))).toEqual(['outbound_configuration_id FIELD_REQUIRED']);
        expect((await refusal(change(randomUUID()))).reason).toBe('CONFIGURATION_NOT_FOUND');
      }
    });
  });
});
