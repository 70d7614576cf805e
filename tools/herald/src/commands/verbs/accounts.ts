import { Channel, ChannelAccount, type Credentials } from '@herald/contracts/configuration';
import { ChannelType, Provider } from '@herald/contracts/type';
import { fileText, maskOf, numberOf, PAGE, pageOf, REQUEST_ID, requestIdOf, type Options, type Noun } from './verb';

const SECRETS = {
  'auth-token-file!': 'a file with the auth token of the account',
  'api-key-sid': 'an API key to send with',
  'api-key-secret-file': 'a file with its secret',
};

const LIMITS = {
  rate: 'segments a second of all its senders together; 0 for no limit',
  'per-day': 'messages in any 24 hours of all its senders together; 0 for no limit',
};

function limitsOf(options: Options): Pick<ChannelAccount, 'segmentsPerSecond' | 'messagesPerDay'> {
  return { segmentsPerSecond: numberOf(options.rate), messagesPerDay: numberOf(options['per-day']) };
}

async function credentialsOf(options: Options): Promise<Credentials> {
  const value = {
    authToken: await fileText(options['auth-token-file']),
    apiKeySid: options['api-key-sid'] ?? '',
    apiKeySecret: await fileText(options['api-key-secret-file']),
  };
  return { provider: { $case: 'twilio', value } };
}

/** What can be done about channel accounts. */
export const ACCOUNT: Noun = {
  noun: 'account',
  text: 'accounts at a provider, with their credentials',
  verbs: [
    {
      verb: 'create',
      text: 'create a channel account with its credentials',
      options: {
        'name!': 'a name for people',
        'account-sid!': "the account's id at Twilio",
        ...SECRETS,
        'api-base-url': 'where a server compatible with Twilio answers',
        ...LIMITS,
        ...REQUEST_ID,
      },
      run: async ({ configuration }, options) =>
        configuration.createChannelAccount({
          requestId: requestIdOf(options),
          channelAccount: ChannelAccount.fromPartial({
            displayName: options.name ?? '',
            provider: Provider.TWILIO,
            providerAccountId: options['account-sid'] ?? '',
            apiBaseUrl: options['api-base-url'] ?? '',
            ...limitsOf(options),
          }),
          credentials: await credentialsOf(options),
        }),
    },
    {
      verb: 'get',
      text: 'show a channel account and its webhook URLs',
      takesId: true,
      run: ({ configuration }, _options, channelAccountId) => configuration.getChannelAccount({ channelAccountId }),
    },
    {
      verb: 'list',
      text: 'list channel accounts',
      options: PAGE,
      run: ({ configuration }, options) => configuration.listChannelAccounts(pageOf(options)),
    },
    {
      verb: 'update',
      text: 'change the name, address or limits of a channel account',
      takesId: true,
      options: {
        name: 'a name for people',
        'api-base-url': 'where a server compatible with Twilio answers',
        ...LIMITS,
      },
      run: ({ configuration }, options, id) =>
        configuration.updateChannelAccount({
          channelAccount: ChannelAccount.fromPartial({
            id,
            displayName: options.name ?? '',
            apiBaseUrl: options['api-base-url'] ?? '',
            ...limitsOf(options),
          }),
          updateMask: maskOf(options, {
            name: 'display_name',
            'api-base-url': 'api_base_url',
            rate: 'segments_per_second',
            'per-day': 'messages_per_day',
          }),
        }),
    },
    {
      verb: 'validate',
      text: 'ask the provider whether the credentials hold',
      takesId: true,
      run: ({ configuration }, _options, channelAccountId) =>
        configuration.validateChannelAccount({ channelAccountId }),
    },
    {
      verb: 'rotate',
      text: 'replace the credentials',
      takesId: true,
      options: { ...SECRETS, ...REQUEST_ID },
      run: async ({ configuration }, options, channelAccountId) =>
        configuration.rotateChannelAccountCredentials({
          requestId: requestIdOf(options),
          channelAccountId,
          credentials: await credentialsOf(options),
        }),
    },
    {
      verb: 'disable',
      text: 'stop everything that uses the account',
      takesId: true,
      run: ({ configuration }, _options, channelAccountId) => configuration.disableChannelAccount({ channelAccountId }),
    },
  ],
};

/** What can be done about channels. */
export const CHANNEL: Noun = {
  noun: 'channel',
  text: 'senders of an account',
  verbs: [
    {
      verb: 'create',
      text: 'create a channel: one sender of an account',
      options: {
        'account!': 'the id of the channel account',
        'name!': 'a name for people',
        'sender!': 'a number, short code, name or messaging service',
        rate: 'segments a second; the default of its type if left out',
        ...REQUEST_ID,
      },
      run: ({ configuration }, options) =>
        configuration.createChannel({
          requestId: requestIdOf(options),
          channel: Channel.fromPartial({
            channelAccountId: options.account ?? '',
            displayName: options.name ?? '',
            channelType: ChannelType.SMS,
            sender: options.sender ?? '',
            segmentsPerSecond: numberOf(options.rate),
          }),
        }),
    },
    {
      verb: 'get',
      text: 'show a channel',
      takesId: true,
      run: ({ configuration }, _options, channelId) => configuration.getChannelById({ channelId }),
    },
    {
      verb: 'list',
      text: 'list channels',
      options: PAGE,
      run: ({ configuration }, options) => configuration.listChannels(pageOf(options)),
    },
    {
      verb: 'update',
      text: 'change the name or rate of a channel',
      takesId: true,
      options: { name: 'a name for people', rate: 'segments a second; 0 for the default of its type' },
      run: ({ configuration }, options, id) =>
        configuration.updateChannel({
          channel: Channel.fromPartial({
            id,
            displayName: options.name ?? '',
            segmentsPerSecond: numberOf(options.rate),
          }),
          updateMask: maskOf(options, { name: 'display_name', rate: 'segments_per_second' }),
        }),
    },
    {
      verb: 'validate',
      text: 'ask the provider whether the account owns the sender',
      takesId: true,
      run: ({ configuration }, _options, channelId) => configuration.validateChannel({ channelId }),
    },
    {
      verb: 'disable',
      text: 'stop everything that uses the channel',
      takesId: true,
      run: ({ configuration }, _options, channelId) => configuration.disableChannel({ channelId }),
    },
  ],
};
