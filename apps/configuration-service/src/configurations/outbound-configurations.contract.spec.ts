import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import {
  DeliveryGuarantee,
  OutboundConfiguration,
  OutboundConfiguration_ConversationCreation as ConversationCreation,
  OutboundConfiguration_State as State,
  Purpose,
  type Channel,
  type ListOutboundConfigurationsResponse,
} from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import {
  channelCreation,
  configurationCreation,
  createdChannel,
  createdConfiguration,
  present,
  provisionedChannel,
} from '../../test/given';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';
import { SPOILT } from '../../test/spoilt';

const EVERYTHING = { pageSize: 0, pageToken: '' };

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

describe('ConfigurationService, outbound configurations', () => {
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

  describe('CreateOutboundConfiguration', () => {
    it('stores an active configuration with the defaults filled in', async () => {
      const request = creation({ name: ' Delivery ' });
      const configuration = await createdConfiguration(configurations, request);
      expect(configuration).toEqual({
        ...present(request.outboundConfiguration),
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'Delivery',
        state: State.ACTIVE,
        deliveryGuarantee: DeliveryGuarantee.AT_MOST_ONCE,
        purpose: Purpose.TRANSACTIONAL,
        conversationCreation: ConversationCreation.ON_REPLY,
        createTime: service.clock.now(),
        updateTime: service.clock.now(),
      });
      const outboundConfigurationId = configuration.id;
      expect(await configurations.getOutboundConfiguration({ outboundConfigurationId })).toEqual({
        outboundConfiguration: configuration,
      });
    });

    it('stores what is chosen', async () => {
      const chosen = {
        showInTimeline: true,
        deliveryGuarantee: DeliveryGuarantee.AT_LEAST_ONCE,
        purpose: Purpose.MARKETING,
        validFor: { seconds: 90, nanos: 500_000_000 },
        conversationCreation: ConversationCreation.ON_SEND,
      };
      expect(await created(chosen)).toMatchObject(chosen);
    });

    it('ignores output-only fields', async () => {
      const id = randomUUID();
      const configuration = await created({ id, state: State.INACTIVE });
      expect(configuration.state).toBe(State.ACTIVE);
      expect(configuration.id).not.toBe(id);
    });

    it('INVALID_FIELD: lists everything that is wrong at once', async () => {
      const error = await refusal(
        configurations.createOutboundConfiguration({
          requestId: 'one',
          outboundConfiguration: OutboundConfiguration.fromPartial({
            ...{ name: ' ', channelType: ChannelType.X_DIRECT_MESSAGE, channelId: 'a', templateId: '' },
            ...{ validFor: { seconds: 0, nanos: 999_000_000 }, secondaryChannelId: randomUUID() },
            ...{ useCustomerPreferredChannel: true, workstreamId: randomUUID() },
          }),
        }),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(faultsOf(error)).toEqual([
        'request_id FIELD_MALFORMED',
        'outbound_configuration.channel_type FIELD_UNKNOWN_VALUE',
        'outbound_configuration.secondary_channel_id FIELD_NOT_ALLOWED',
        'outbound_configuration.use_customer_preferred_channel FIELD_NOT_ALLOWED',
        'outbound_configuration.workstream_id FIELD_NOT_ALLOWED',
        'outbound_configuration.name FIELD_REQUIRED',
        'outbound_configuration.channel_id FIELD_MALFORMED',
        'outbound_configuration.template_id FIELD_REQUIRED',
        'outbound_configuration.valid_for FIELD_OUT_OF_RANGE',
      ]);
      expect(service.templates.questions).not.toContain('');
    });

    it('INVALID_FIELD: messages that wait for more than a week, and no configuration at all', async () => {
      const long = creation({ validFor: { seconds: 604_800, nanos: 1_000_000 } });
      expect(faultsOf(await refusal(configurations.createOutboundConfiguration(long)))).toEqual([
        'outbound_configuration.valid_for FIELD_OUT_OF_RANGE',
      ]);
      const none = { requestId: randomUUID(), outboundConfiguration: undefined };
      expect(faultsOf(await refusal(configurations.createOutboundConfiguration(none)))).toContain(
        'outbound_configuration FIELD_REQUIRED',
      );
      await created({ validFor: { seconds: 604_800, nanos: 0 } });
    });

    it.each(SPOILT)('%s: what cannot be sent with is refused', async (reason, spoil) => {
      await spoil({ service, org, configurations, channel, templateId });
      const request = creation();
      expect((await refusal(configurations.createOutboundConfiguration(request))).reason).toBe(reason);
      expect((await configurations.listOutboundConfigurations(EVERYTHING)).outboundConfigurations).toEqual([]);
    });

    it('CHANNEL_NOT_PROVISIONED: tells everything that stands in the way, the first as the reason', async () => {
      const request = channelCreation(channel.channelAccountId, { sender: '12345' });
      const { id: channelId } = await createdChannel(configurations, request);
      await configurations.disableChannelAccount({ channelAccountId: channel.channelAccountId });
      service.templates.set(org, templateId, { archived: true });
      const error = await refusal(configurations.createOutboundConfiguration(creation({ channelId })));
      expect(error.reason).toBe('CHANNEL_NOT_PROVISIONED');
      expect(error.detail.preconditions).toMatchObject([
        { type: 'CHANNEL_NOT_PROVISIONED', subject: `channel/${channelId}` },
        { type: 'CHANNEL_ACCOUNT_DISABLED', subject: `channel/${channelId}` },
        { type: 'TEMPLATE_ARCHIVED', subject: `template/${templateId}` },
      ]);
    });

    it('CHANNEL_TYPE_MISMATCH: a template of another channel type', async () => {
      templateId = service.templates.make(org, { channelType: ChannelType.WHATSAPP });
      const error = await refusal(configurations.createOutboundConfiguration(creation()));
      expect(error.reason).toBe('CHANNEL_TYPE_MISMATCH');
      expect(faultsOf(error)).toEqual(['outbound_configuration.channel_type FIELD_CONFLICT']);
    });

    it('CHANNEL_NOT_FOUND, TEMPLATE_NOT_FOUND: what another organisation has', async () => {
      const stranger = service.as({ org: randomUUID() });
      const foreign = await provisionedChannel(service, stranger);
      const onChannel = configurations.createOutboundConfiguration(creation({ channelId: foreign.id }));
      expect((await refusal(onChannel)).reason).toBe('CHANNEL_NOT_FOUND');
      const onTemplate = creation({ templateId: service.templates.make(randomUUID()) });
      const error = await refusal(configurations.createOutboundConfiguration(onTemplate));
      expect(error.reason).toBe('TEMPLATE_NOT_FOUND');
    });

    it('DATABASE_UNAVAILABLE: a template-service that cannot answer now is told as it is, and nothing is stored', async () => {
      service.templates.failure = 'DATABASE_UNAVAILABLE';
      const request = creation();
      const error = await refusal(configurations.createOutboundConfiguration(request));
      expect(error.reason).toBe('DATABASE_UNAVAILABLE');
      service.templates.failure = undefined;
      await createdConfiguration(configurations, request);
    });

    it('answers a repeat with the first answer, though its template is unusable by now', async () => {
      const request = creation();
      const [first, atOnce] = await Promise.all([1, 2].map(() => configurations.createOutboundConfiguration(request)));
      expect(atOnce).toEqual(first);
      service.templates.set(org, templateId, { archived: true });
      const asked = service.templates.questions.length;
      expect(await configurations.createOutboundConfiguration(request)).toEqual(first);
      expect(service.templates.questions).toHaveLength(asked);
      expect((await configurations.listOutboundConfigurations(EVERYTHING)).outboundConfigurations).toHaveLength(1);
    });

    it('REQUEST_ID_REUSED: the same request id with other content', async () => {
      const request = creation();
      await configurations.createOutboundConfiguration(request);
      const other = { ...creation({ showInTimeline: true }), requestId: request.requestId };
      expect((await refusal(configurations.createOutboundConfiguration(other))).reason).toBe('REQUEST_ID_REUSED');
    });

    it('CONFIGURATION_NAME_TAKEN: without regard to case', async () => {
      const { name } = await created();
      const call = configurations.createOutboundConfiguration(creation({ name: name.toUpperCase() }));
      expect((await refusal(call)).reason).toBe('CONFIGURATION_NAME_TAKEN');
    });
  });

  describe('GetOutboundConfiguration and ListOutboundConfigurations', () => {
    it('CONFIGURATION_NOT_FOUND, INVALID_FIELD', async () => {
      const get = (outboundConfigurationId: string) =>
        configurations.getOutboundConfiguration({ outboundConfigurationId });
      expect((await refusal(get(randomUUID()))).reason).toBe('CONFIGURATION_NOT_FOUND');
      expect(faultsOf(await refusal(get('one')))).toEqual(['outbound_configuration_id FIELD_MALFORMED']);
    });

    it('lists the newest first, page by page', async () => {
      const made: string[] = [];
      for (let count = 0; count < 3; count += 1) made.unshift((await created()).id);
      const list = (pageToken: string): Promise<ListOutboundConfigurationsResponse> =>
        configurations.listOutboundConfigurations({ pageSize: 2, pageToken });
      const first = await list('');
      const second = await list(first.nextPageToken);
      const seen = [first, second].map(({ outboundConfigurations }) => outboundConfigurations.map(({ id }) => id));
      expect(seen).toEqual([made.slice(0, 2), made.slice(2)]);
      expect(second.nextPageToken).toBe('');
    });

    it('PAGE_TOKEN_INVALID: a token that no list gave', async () => {
      const call = configurations.listOutboundConfigurations({ pageSize: 0, pageToken: 'nonsense' });
      expect((await refusal(call)).reason).toBe('PAGE_TOKEN_INVALID');
    });
  });
});
