import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import {
  Channel,
  Channel_SenderType as SenderType,
  Channel_State,
  ChannelAccount,
  type ListChannelsResponse,
} from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import {
  accountCreation,
  atTwilio,
  channelCreation,
  createdAccount,
  createdChannel,
  present,
  provisionedChannel,
  rotation,
  twilioCredentials,
  validAccount,
  whileAsked,
} from '../../test/given';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';

const EVERYTHING = { pageSize: 0, pageToken: '' };
const SERVICE_SID = `MG${'0'.repeat(32)}`;

let service: RunningService;
let org: string;
let configurations: Configurations;
let account: ChannelAccount;

const update = (id: string, changes: Partial<Channel>, updateMask: string[] = []) =>
  configurations.updateChannel({ channel: Channel.fromPartial({ id, ...changes }), updateMask });

const validate = async (channelId: string) => present((await configurations.validateChannel({ channelId })).channel);

describe('ConfigurationService, channels', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(async () => {
    org = randomUUID();
    configurations = service.as({ org });
    service.twilio.failure = undefined;
    service.twilio.gate = undefined;
    account = await createdAccount(configurations, accountCreation(service));
  });

  describe('CreateChannel', () => {
    it('stores a channel that is not provisioned, of an account in whatever state', async () => {
      const request = channelCreation(account.id, { displayName: ' Number ', sender: '+1 (425) 555-0100' });
      const channel = await createdChannel(configurations, request);
      expect(channel).toEqual({
        ...present(request.channel),
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        displayName: 'Number',
        sender: '+14255550100',
        senderType: SenderType.LONG_CODE,
        segmentsPerSecond: 1,
        state: Channel_State.UNPROVISIONED,
        createTime: service.clock.now(),
        updateTime: service.clock.now(),
      });
      expect(await configurations.getChannelById({ channelId: channel.id })).toEqual({ channel });
    });

    it.each([
      ['+14255550123', SenderType.LONG_CODE, 1],
      ['+18005550123', SenderType.TOLL_FREE, 3],
      ['12345', SenderType.SHORT_CODE, 100],
      ['Contoso', SenderType.ALPHANUMERIC, 10],
      [SERVICE_SID, SenderType.MESSAGING_SERVICE, 10],
    ])('knows what kind of sender %s is, and its rate', async (sender, senderType, segmentsPerSecond) => {
      const channel = await createdChannel(configurations, channelCreation(account.id, { sender }));
      expect(channel).toMatchObject({ sender, senderType, segmentsPerSecond });
    });

    it('ignores output-only fields', async () => {
      const id = randomUUID();
      const given = { id, state: Channel_State.PROVISIONED, validationError: 'mine' };
      const channel = await createdChannel(configurations, channelCreation(account.id, given));
      expect(channel).toMatchObject({ state: Channel_State.UNPROVISIONED, validationError: '' });
      expect(channel.id).not.toBe(id);
    });

    it('INVALID_FIELD: lists everything that is wrong at once', async () => {
      const error = await refusal(
        configurations.createChannel({
          requestId: '',
          channel: Channel.fromPartial({
            ...{ channelAccountId: 'one', displayName: 'x'.repeat(201), channelType: ChannelType.WHATSAPP },
            ...{ sender: 'a name that is too long', segmentsPerSecond: 10_001 },
          }),
        }),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(faultsOf(error)).toEqual([
        'request_id FIELD_REQUIRED',
        'channel.channel_type FIELD_UNKNOWN_VALUE',
        'channel.sender FIELD_MALFORMED',
        'channel.channel_account_id FIELD_MALFORMED',
        'channel.display_name FIELD_TOO_LONG',
        'channel.segments_per_second FIELD_OUT_OF_RANGE',
      ]);
    });

    it('INVALID_FIELD: a sender of another type than is said, and no channel at all', async () => {
      const request = channelCreation(account.id, { senderType: SenderType.SHORT_CODE });
      const error = await refusal(configurations.createChannel(request));
      expect(faultsOf(error)).toEqual(['channel.sender_type FIELD_CONFLICT']);
      const none = await refusal(configurations.createChannel({ requestId: randomUUID(), channel: undefined }));
      expect(faultsOf(none)).toContain('channel FIELD_REQUIRED');
    });

    it.each([-1, 0.001, Number.NaN, Infinity])('INVALID_FIELD: a rate of %d', async (segmentsPerSecond) => {
      const request = channelCreation(account.id, { segmentsPerSecond });
      expect(faultsOf(await refusal(configurations.createChannel(request)))).toEqual([
        'channel.segments_per_second FIELD_OUT_OF_RANGE',
      ]);
    });

    it('CHANNEL_ACCOUNT_NOT_FOUND: an account that nobody or another organisation has', async () => {
      const foreign = await createdAccount(service.as({ org: randomUUID() }), accountCreation(service));
      for (const id of [randomUUID(), foreign.id]) {
        const error = await refusal(configurations.createChannel(channelCreation(id)));
        expect(error.reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
      }
    });

    it('answers a repeat with the first answer, and REQUEST_ID_REUSED for other content', async () => {
      const request = channelCreation(account.id);
      const [first, atOnce] = await Promise.all([1, 2].map(() => configurations.createChannel(request)));
      expect(atOnce).toEqual(first);
      await configurations.disableChannel({ channelId: present(first?.channel).id });
      expect(await configurations.createChannel(request)).toEqual(first);
      expect((await configurations.listChannels(EVERYTHING)).channels).toHaveLength(1);
      const reused = { ...request, channel: { ...present(request.channel), sender: '12345' } };
      expect((await refusal(configurations.createChannel(reused))).reason).toBe('REQUEST_ID_REUSED');
    });

    it('CHANNEL_NAME_TAKEN, CHANNEL_ADDRESS_TAKEN: one name in an organisation, one sender in an account', async () => {
      const { displayName } = await createdChannel(configurations, channelCreation(account.id));
      const named = channelCreation(account.id, { displayName: displayName.toUpperCase(), sender: '12345' });
      expect((await refusal(configurations.createChannel(named))).reason).toBe('CHANNEL_NAME_TAKEN');
      const addressed = channelCreation(account.id, { sender: '+1 425 555 0100' });
      expect((await refusal(configurations.createChannel(addressed))).reason).toBe('CHANNEL_ADDRESS_TAKEN');
      const other = await createdAccount(configurations, accountCreation(service));
      await createdChannel(configurations, channelCreation(other.id));
    });
  });

  describe('GetChannelById and ListChannels', () => {
    it('CHANNEL_NOT_FOUND, INVALID_FIELD', async () => {
      const unknown = configurations.getChannelById({ channelId: randomUUID() });
      expect((await refusal(unknown)).reason).toBe('CHANNEL_NOT_FOUND');
      const malformed = configurations.getChannelById({ channelId: 'one' });
      expect(faultsOf(await refusal(malformed))).toEqual(['channel_id FIELD_MALFORMED']);
    });

    it('answers dispatch too', async () => {
      const channel = await createdChannel(configurations, channelCreation(account.id));
      const dispatch = service.asService('dispatch', org);
      expect(await dispatch.getChannelById({ channelId: channel.id })).toEqual({ channel });
    });

    it('lists the newest first, page by page', async () => {
      const made: string[] = [];
      for (const sender of ['10001', '10002', '10003']) {
        made.unshift((await createdChannel(configurations, channelCreation(account.id, { sender }))).id);
      }
      const first: ListChannelsResponse = await configurations.listChannels({ pageSize: 2, pageToken: '' });
      const second = await configurations.listChannels({ pageSize: 2, pageToken: first.nextPageToken });
      expect([...first.channels, ...second.channels].map(({ id }) => id)).toEqual(made);
      expect([first.channels.length, second.nextPageToken]).toEqual([2, '']);
    });

    it('PAGE_TOKEN_INVALID: a token that no list gave', async () => {
      const call = configurations.listChannels({ pageSize: 0, pageToken: 'nonsense' });
      expect((await refusal(call)).reason).toBe('PAGE_TOKEN_INVALID');
    });
  });

  describe('UpdateChannel', () => {
    it('changes name and rate of a channel, which stays provisioned', async () => {
      const channel = await provisionedChannel(service, configurations);
      service.clock.advance(1_000);
      const changes = { displayName: 'New', segmentsPerSecond: 2.5 };
      const answer = await update(channel.id, changes);
      expect(answer).toEqual({ channel: { ...channel, ...changes, updateTime: service.clock.now() } });
      const byDefault = await update(channel.id, {}, ['segments_per_second']);
      expect(byDefault.channel).toMatchObject({ displayName: 'New', segmentsPerSecond: 1 });
      expect(await configurations.getChannelById({ channelId: channel.id })).toEqual(byDefault);
    });

    it('FIELD_MASK_INVALID: what may not change', async () => {
      const { id } = await createdChannel(configurations, channelCreation(account.id));
      const error = await refusal(update(id, { sender: '12345' }, ['sender']));
      expect(error.reason).toBe('FIELD_MASK_INVALID');
      expect(faultsOf(error)).toEqual(['update_mask.paths[0] FIELD_IMMUTABLE']);
    });

    it('takes back a channel as it was read, and what changes nothing is no change', async () => {
      const channel = await createdChannel(configurations, channelCreation(account.id));
      service.clock.advance(1_000);
      const asWritten = { channelAccountId: account.id.toUpperCase(), sender: '+1 425 555 0100', segmentsPerSecond: 0 };
      expect(await update(channel.id, { ...channel, ...asWritten })).toEqual({ channel });
    });

    it('INVALID_FIELD: without a mask, what stays as it was created with', async () => {
      const { id } = await createdChannel(configurations, channelCreation(account.id));
      const others = {
        ...{ channelAccountId: randomUUID(), channelType: ChannelType.WHATSAPP, displayName: 'New' },
        ...{ sender: '12345', senderType: SenderType.SHORT_CODE },
      };
      expect(faultsOf(await refusal(update(id, others)))).toEqual([
        'channel.channel_account_id FIELD_IMMUTABLE',
        'channel.channel_type FIELD_IMMUTABLE',
        'channel.sender FIELD_IMMUTABLE',
        'channel.sender_type FIELD_IMMUTABLE',
      ]);
      expect(await update(id, others, ['display_name'])).toMatchObject({ channel: { displayName: 'New' } });
    });

    it('keeps both of two changes at once', async () => {
      const { id } = await createdChannel(configurations, channelCreation(account.id));
      await Promise.all([update(id, { displayName: `New ${id}` }), update(id, { segmentsPerSecond: 7 })]);
      expect(await configurations.getChannelById({ channelId: id })).toMatchObject({
        channel: { displayName: `New ${id}`, segmentsPerSecond: 7 },
      });
    });

    it('INVALID_FIELD, CHANNEL_NOT_FOUND, CHANNEL_NAME_TAKEN', async () => {
      const malformed = update('', { displayName: '\u0007', segmentsPerSecond: -1 });
      expect(faultsOf(await refusal(malformed))).toEqual([
        'channel.id FIELD_REQUIRED',
        'channel.display_name FIELD_MALFORMED',
        'channel.segments_per_second FIELD_OUT_OF_RANGE',
      ]);
      expect((await refusal(update(randomUUID(), { displayName: 'New' }))).reason).toBe('CHANNEL_NOT_FOUND');
      const { displayName } = await createdChannel(configurations, channelCreation(account.id));
      const { id } = await createdChannel(configurations, channelCreation(account.id, { sender: '12345' }));
      expect((await refusal(update(id, { displayName }))).reason).toBe('CHANNEL_NAME_TAKEN');
    });
  });

  describe('ValidateChannel', () => {
    it.each(['+14255550100', '12345'])('provisions %s, which the account owns', async (sender) => {
      const { id: accountId, providerAccountId } = await validAccount(service, configurations, [sender]);
      const channel = await createdChannel(configurations, channelCreation(accountId, { sender }));
      service.clock.advance(1_000);
      const updateTime = service.clock.now();
      expect(await validate(channel.id)).toEqual({ ...channel, state: Channel_State.PROVISIONED, updateTime });
      expect(service.twilio.questions.at(-1)).toContain(`/Accounts/${providerAccountId}/`);
    });

    it.each(['Contoso', SERVICE_SID])('provisions %s on good credentials, as no list has it', async (sender) => {
      const { id: accountId } = await validAccount(service, configurations, []);
      const { id } = await createdChannel(configurations, channelCreation(accountId, { sender }));
      expect((await validate(id)).state).toBe(Channel_State.PROVISIONED);
    });

    it('takes a sender back that the account has lost, and says so', async () => {
      const { id, channelAccountId } = await provisionedChannel(service, configurations);
      const { channelAccount } = await configurations.getChannelAccount({ channelAccountId });
      present(service.twilio.accounts.get(present(channelAccount).providerAccountId)).senders = [];
      const validationError = 'The provider does not let the account send from it (SENDER_NOT_OWNED).';
      expect(await validate(id)).toMatchObject({ state: Channel_State.UNPROVISIONED, validationError });
    });

    it('CHANNEL_ACCOUNT_NOT_VALID, CHANNEL_ACCOUNT_DISABLED: the account comes first', async () => {
      const { id } = await createdChannel(configurations, channelCreation(account.id));
      const error = await refusal(validate(id));
      expect(error.reason).toBe('CHANNEL_ACCOUNT_NOT_VALID');
      expect(error.detail.preconditions).toMatchObject([{ subject: `channelAccount/${account.id}` }]);
      await configurations.disableChannelAccount({ channelAccountId: account.id });
      expect((await refusal(validate(id))).reason).toBe('CHANNEL_ACCOUNT_DISABLED');
    });

    it('CHANNEL_ACCOUNT_NOT_VALID: an account whose credentials were refused', async () => {
      const known = { ...atTwilio(service), credentials: twilioCredentials('wrong') };
      const refused = await createdAccount(configurations, accountCreation(service, {}, known));
      await configurations.validateChannelAccount({ channelAccountId: refused.id });
      const { id } = await createdChannel(configurations, channelCreation(refused.id));
      expect((await refusal(validate(id))).reason).toBe('CHANNEL_ACCOUNT_NOT_VALID');
    });

    it('PROVIDER_UNAVAILABLE: nothing changes while the provider does not answer', async () => {
      const channel = await provisionedChannel(service, configurations);
      service.twilio.failure = { status: 503 };
      expect((await refusal(validate(channel.id))).reason).toBe('PROVIDER_UNAVAILABLE');
      expect(await configurations.getChannelById({ channelId: channel.id })).toEqual({ channel });
    });

    it('INVALID_FIELD, CHANNEL_NOT_FOUND, CREDENTIALS_NOT_FOUND', async () => {
      expect(faultsOf(await refusal(validate('')))).toEqual(['channel_id FIELD_REQUIRED']);
      expect((await refusal(validate(randomUUID()))).reason).toBe('CHANNEL_NOT_FOUND');
      const { id, channelAccountId } = await provisionedChannel(service, configurations);
      await service.test.asOwner('delete from credential where channel_account_id = $1', [channelAccountId]);
      expect((await refusal(validate(id))).reason).toBe('CREDENTIALS_NOT_FOUND');
    });

    it('brings a disabled channel back', async () => {
      const { id } = await provisionedChannel(service, configurations);
      await configurations.disableChannel({ channelId: id });
      expect((await validate(id)).state).toBe(Channel_State.PROVISIONED);
    });

    it.each([
      [
        'its channel was disabled',
        ({ id }: Channel): Promise<unknown> => configurations.disableChannel({ channelId: id }),
      ],
      [
        'its account’s credentials were rotated',
        ({ channelAccountId }: Channel): Promise<unknown> =>
          configurations.rotateChannelAccountCredentials(rotation(channelAccountId)),
      ],
      [
        'its account was moved',
        ({ channelAccountId: id }: Channel): Promise<unknown> => {
          const channelAccount = ChannelAccount.fromPartial({ id, apiBaseUrl: 'https://other.example' });
          return configurations.updateChannelAccount({ channelAccount, updateMask: [] });
        },
      ],
    ])('REVISION_STALE: a sender was asked about while %s', async (_what, change) => {
      const channel = await provisionedChannel(service, configurations);
      const { outcome } = await whileAsked(
        service.twilio,
        () => refusal(validate(channel.id)),
        () => change(channel),
      );
      expect(outcome.reason).toBe('REVISION_STALE');
    });
  });

  describe('DisableChannel', () => {
    it('stops a channel, and again without a change', async () => {
      const { id } = await provisionedChannel(service, configurations);
      const { channel } = await configurations.disableChannel({ channelId: id });
      expect(channel?.state).toBe(Channel_State.DISABLED);
      service.clock.advance(1_000);
      expect(await configurations.disableChannel({ channelId: id })).toEqual({ channel });
    });

    it('INVALID_FIELD, CHANNEL_NOT_FOUND: nothing to stop', async () => {
      const malformed = configurations.disableChannel({ channelId: '' });
      expect(faultsOf(await refusal(malformed))).toEqual(['channel_id FIELD_REQUIRED']);
      const unknown = configurations.disableChannel({ channelId: randomUUID() });
      expect((await refusal(unknown)).reason).toBe('CHANNEL_NOT_FOUND');
    });
  });
});
