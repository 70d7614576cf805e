import {
  Channel,
  Channel_State,
  ChannelAccount,
  ChannelAccount_State,
  type ConfigurationServiceClient,
  type Credentials,
} from '@herald/contracts/configuration';
import { HeraldError } from '@herald/errors';
import type { PromiseClient } from '@herald/grpc';
import { FakeClock } from '@herald/testing';
import { senderDirectory } from './senders';

const AGE_MS_MAX = 5_000;
const twilio = { authToken: 'token', apiKeySid: '', apiKeySecret: '' };

/** Answers as configuration-service does; what it answers can be changed, or made to fail. */
class Configurations {
  asked = 0;
  channel: Partial<Channel> = {};
  account: Partial<ChannelAccount> = {};
  credentials: Credentials | undefined = { provider: { $case: 'twilio', value: twilio } };
  failure: HeraldError | undefined;

  async getChannelById({ channelId }: { channelId: string }) {
    this.#answer();
    const sender = { channelAccountId: 'account', sender: '+14255550100', segmentsPerSecond: 10 };
    return { channel: Channel.fromPartial({ id: channelId, ...sender, ...this.channel }) };
  }

  async getChannelAccountCredentials({ channelAccountId: id }: { channelAccountId: string }) {
    this.#answer();
    const urls = { apiBaseUrl: 'https://provider.example', statusWebhookUrl: 'https://herald.example/status/segment' };
    const channelAccount = ChannelAccount.fromPartial({ id, providerAccountId: 'AC1', ...urls, ...this.account });
    return { channelAccount, credentials: this.credentials };
  }

  #answer() {
    this.asked += 1;
    if (this.failure) throw this.failure;
  }
}

const setUp = () => {
  const clock = new FakeClock();
  const configurations = new Configurations();
  const senders = senderDirectory({
    configurations: configurations as unknown as PromiseClient<ConfigurationServiceClient>,
    monotonicMs: () => clock.monotonicMs(),
  });
  return { clock, configurations, senders, find: () => senders.find('org', 'channel') };
};

describe('senderDirectory', () => {
  it('knows of a channel all that a send needs, and asks once in five seconds', async () => {
    const { clock, configurations, find } = setUp();
    expect(await find()).toEqual({
      kind: 'usable',
      sender: {
        ...{ channelAccountId: 'account', address: '+14255550100', segmentsPerSecond: 10 },
        access: { accountId: 'AC1', apiBaseUrl: 'https://provider.example', secret: 'token' },
        statusWebhookUrl: 'https://herald.example/status/segment',
      },
    });
    clock.advance(AGE_MS_MAX - 1);
    await find();
    expect(configurations.asked).toBe(2);
    clock.advance(1);
    await find();
    expect(configurations.asked).toBe(4);
  });

  it('knows what all senders of an account may send together, where that is limited', async () => {
    const { configurations, find } = setUp();
    configurations.account = { segmentsPerSecond: 75 };
    expect(await find()).toMatchObject({
      sender: { caps: { channelAccountId: 'account', segmentsPerSecond: 75, messagesPerDay: 0 } },
    });
  });

  it('calls with the key of an account that has one', async () => {
    const { configurations, find } = setUp();
    const value = { ...twilio, apiKeySid: 'SK1', apiKeySecret: 'key' };
    configurations.credentials = { provider: { $case: 'twilio', value } };
    expect(await find()).toMatchObject({ sender: { access: { accountId: 'AC1', apiKeySid: 'SK1', secret: 'key' } } });
  });

  it.each<[string, (configurations: Configurations) => unknown]>([
    ['CHANNEL_DISABLED', (it) => (it.channel = { state: Channel_State.DISABLED })],
    ['CHANNEL_ACCOUNT_DISABLED', (it) => (it.account = { state: ChannelAccount_State.DISABLED })],
    ['CHANNEL_NOT_FOUND', (it) => (it.failure = new HeraldError('CHANNEL_NOT_FOUND', 'gone'))],
    [
      'CHANNEL_TYPE_UNSUPPORTED',
      (it) => (it.credentials = { provider: { $case: 'telesign', value: { apiKey: 'x' } } }),
    ],
    ['CREDENTIALS_NOT_FOUND', (it) => (it.credentials = undefined)],
  ])('makes messages wait within five seconds, though no event tells of it: %s', async (why, spoil) => {
    const { clock, configurations, find } = setUp();
    expect((await find()).kind).toBe('usable');
    spoil(configurations);
    clock.advance(AGE_MS_MAX);
    expect(await find()).toEqual({ kind: 'unusable', why });
  });

  it('takes rotated credentials within five seconds, and at once where it is told to forget the old ones', async () => {
    const { clock, configurations, senders, find } = setUp();
    const secretOf = async () => {
      const state = await find();
      return state.kind === 'usable' ? state.sender.access.secret : state.why;
    };
    const rotateTo = (authToken: string) => {
      configurations.credentials = { provider: { $case: 'twilio', value: { ...twilio, authToken } } };
    };
    expect(await secretOf()).toBe('token');
    rotateTo('second');
    clock.advance(AGE_MS_MAX);
    expect(await secretOf()).toBe('second');
    rotateTo('third');
    senders.drop('another organisation');
    expect(await secretOf()).toBe('second');
    senders.drop('org');
    expect(await secretOf()).toBe('third');
  });

  it('throws what it could not ask, and asks again the next time', async () => {
    const { configurations, find } = setUp();
    configurations.failure = new HeraldError('SERVICE_UNAVAILABLE', 'away');
    await expect(find()).rejects.toThrow('away');
    configurations.failure = undefined;
    expect((await find()).kind).toBe('usable');
  });
});
