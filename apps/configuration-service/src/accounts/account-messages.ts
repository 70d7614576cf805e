import { ChannelAccount_State, ChannelAccount as WireAccount, type Credentials } from '@herald/contracts/configuration';
import { Provider } from '@herald/contracts/type';
import type { Immutable, Violations } from '../reading';
import { checkApiBaseUrl } from './api-base-url';
import type { Account } from './account-store';

const TWILIO_ACCOUNT = /^AC[0-9a-f]{32}$/;
const TWILIO_KEY = /^SK[0-9a-f]{32}$/;
const SECRET_LENGTH_MAX = 200;
const ACCOUNT_RATE_MIN = 0.01;
/** Ten senders at the highest rate of one; what is faster needs no limit. */
const ACCOUNT_RATE_MAX = 10_000;
/** More than the highest rate sends in a day. */
const DAILY_MESSAGES_MAX = 1_000_000_000;

/** What a caller says of a new account. */
export type GivenAccount = Pick<
  Account,
  'displayName' | 'provider' | 'providerAccountId' | 'apiBaseUrl' | 'segmentsPerSecond' | 'messagesPerDay'
>;

/** Reads a new account; faults are added to the violations. */
export function readAccount(violations: Violations, account: WireAccount | undefined): GivenAccount {
  const given = account ?? WireAccount.create();
  const field = (name: string) => `channel_account.${name}`;
  if (account === undefined) violations.add('channel_account', 'FIELD_REQUIRED', 'must be given');
  const displayName = violations.name(field('display_name'), given.displayName);
  if (given.provider !== Provider.TWILIO) {
    violations.add(
      field('provider'),
      'FIELD_UNKNOWN_VALUE',
      'must be PROVIDER_TWILIO, the only provider served so far',
    );
  }
  const { providerAccountId, apiBaseUrl } = given;
  if (!TWILIO_ACCOUNT.test(providerAccountId)) {
    violations.add(
      field('provider_account_id'),
      'FIELD_MALFORMED',
      'must be an account SID: AC and 32 hexadecimal digits',
    );
  }
  checkApiBaseUrl(violations, field('api_base_url'), apiBaseUrl);
  const segmentsPerSecond = readAccountRate(violations, given.segmentsPerSecond);
  const messagesPerDay = readDailyMessages(violations, given.messagesPerDay);
  return { displayName, provider: 'TWILIO', providerAccountId, apiBaseUrl, segmentsPerSecond, messagesPerDay };
}

/** Reads what all senders of an account may send in a second together; 0 stands for no limit. */
export function readAccountRate(violations: Violations, rate: number): number {
  const isWithin = rate === 0 || (rate >= ACCOUNT_RATE_MIN && rate <= ACCOUNT_RATE_MAX);
  const description = `must be 0 or from ${ACCOUNT_RATE_MIN} to ${ACCOUNT_RATE_MAX}`;
  if (!isWithin) violations.add('channel_account.segments_per_second', 'FIELD_OUT_OF_RANGE', description);
  return rate;
}

/** Reads what all senders of an account may send in any 24 hours together; 0 stands for no limit. */
export function readDailyMessages(violations: Violations, messages: number): number {
  if (messages < 0 || messages > DAILY_MESSAGES_MAX)
    violations.add('channel_account.messages_per_day', 'FIELD_OUT_OF_RANGE', `must be from 0 to ${DAILY_MESSAGES_MAX}`);
  return messages;
}

/** What of an account stays as it was created with. */
export function immutableOfAccount({ provider, providerAccountId }: WireAccount): Immutable {
  return { provider, provider_account_id: providerAccountId };
}

/** Reads credentials for Twilio; no violation ever quotes one. */
export function readCredentials(violations: Violations, credentials: Credentials | undefined): Credentials {
  const provider = credentials?.provider;
  if (provider?.$case !== 'twilio') {
    violations.add('credentials.twilio', 'FIELD_REQUIRED', 'must be given for an account of Twilio');
    return { provider };
  }
  const { authToken, apiKeySid, apiKeySecret } = provider.value;
  const secret = (name: string, value: string, isRequired: boolean) => {
    if (isRequired && value === '') violations.add(`credentials.twilio.${name}`, 'FIELD_REQUIRED', 'must be given');
    if (value.length > SECRET_LENGTH_MAX)
      violations.add(`credentials.twilio.${name}`, 'FIELD_TOO_LONG', 'is longer than any secret of Twilio');
  };
  secret('auth_token', authToken, true);
  secret('api_key_secret', apiKeySecret, apiKeySid !== '');
  if (apiKeySid !== '' && !TWILIO_KEY.test(apiKeySid)) {
    violations.add(
      'credentials.twilio.api_key_sid',
      'FIELD_MALFORMED',
      'must be an API key SID: SK and 32 hexadecimal digits',
    );
  }
  if (apiKeySid === '' && apiKeySecret !== '') {
    violations.add('credentials.twilio.api_key_sid', 'FIELD_REQUIRED', 'must be given with its secret');
  }
  return { provider };
}

/** Writes an account, with the URLs to enter at the provider; never a secret. */
export function writeAccount(account: Account, publicUrl: string): WireAccount {
  const webhook = (kind: 'inbound' | 'status') => `${publicUrl}/v1/twilio/${kind}/${account.pathSegment}`;
  return {
    id: account.id,
    displayName: account.displayName,
    provider: Provider.TWILIO,
    providerAccountId: account.providerAccountId,
    apiBaseUrl: account.apiBaseUrl,
    state: ChannelAccount_State[account.state],
    validationError: account.validationError,
    validateTime: account.validatedAt ?? undefined,
    inboundWebhookUrl: webhook('inbound'),
    statusWebhookUrl: webhook('status'),
    credentialVersion: account.credentialVersion,
    createTime: account.createdAt,
    updateTime: account.updatedAt,
    segmentsPerSecond: account.segmentsPerSecond,
    messagesPerDay: account.messagesPerDay,
  };
}
