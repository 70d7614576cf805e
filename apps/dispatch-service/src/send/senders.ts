import {
  Channel_State,
  ChannelAccount_State,
  type ChannelAccount,
  type ConfigurationServiceClient,
} from '@herald/contracts/configuration';
import type { AccountAccess } from '@herald/channels';
import { HeraldError } from '@herald/errors';
import type { PromiseClient } from '@herald/grpc';
import { agedCache } from '../configurations/aged-cache';
import type { AccountCaps } from '../claim/account-caps';

/** All that is needed to send through one channel. */
export interface Sender {
  channelAccountId: string;
  /** What recipients see as the sender. */
  address: string;
  segmentsPerSecond: number;
  /** What its account may send over all its senders, if that is limited. */
  caps?: AccountCaps | undefined;
  access: AccountAccess;
  /** Where the provider reports to, without our ids. */
  statusWebhookUrl: string;
}

/** A sender, or why its messages have to wait. */
export type SenderState = { kind: 'usable'; sender: Sender } | { kind: 'unusable'; why: string };

/** Knows the senders of this instance's batches. */
export interface Senders {
  find(org: string, channelId: string): Promise<SenderState>;
  /** Forgets the credentials and senders of an organisation: they changed, or the provider refused them. */
  drop(org: string): void;
}

/**
 * How old a sender may be, with the state and the credentials of its account: what is disabled stops within this time,
 * even if the event of it is lost. A refusal by the provider asks anew at once.
 */
const SENDER_AGE_MS_MAX = 5_000;

/** Asks configuration-service for channels, accounts and credentials, for each at most every 5 s. */
export function senderDirectory(deps: {
  configurations: PromiseClient<ConfigurationServiceClient>;
  monotonicMs(): number;
}): Senders {
  const { configurations, monotonicMs } = deps;
  const channels = agedCache({
    ageMsMax: SENDER_AGE_MS_MAX,
    monotonicMs,
    ask: (org, channelId) => askChannel(configurations, org, channelId),
  });
  const accounts = agedCache({
    ageMsMax: SENDER_AGE_MS_MAX,
    monotonicMs,
    ask: (org, accountId) => askAccount(configurations, org, accountId),
  });
  return {
    find: async (org, channelId) => {
      const channel = await channels.get(org, channelId);
      if (channel.kind === 'unusable') return channel;
      const account = await accounts.get(org, channel.channelAccountId);
      if (account.kind === 'unusable') return account;
      const { channelAccountId, address, segmentsPerSecond } = channel;
      const { access, caps, statusWebhookUrl } = account;
      const sender = { channelAccountId, address, segmentsPerSecond, caps, access, statusWebhookUrl };
      return { kind: 'usable', sender };
    },
    drop: (org) => {
      channels.drop(org);
      accounts.drop(org);
    },
  };
}

type Unusable = { kind: 'unusable'; why: string };

async function askChannel(configurations: PromiseClient<ConfigurationServiceClient>, org: string, channelId: string) {
  const answer = await configurations.getChannelById({ channelId }, { org }).catch(notThere);
  const channel = answer?.channel;
  if (!channel) return { kind: 'unusable', why: 'CHANNEL_NOT_FOUND' } satisfies Unusable;
  if (channel.state === Channel_State.DISABLED) return { kind: 'unusable', why: 'CHANNEL_DISABLED' } satisfies Unusable;
  const { channelAccountId, sender, segmentsPerSecond } = channel;
  return { kind: 'channel' as const, channelAccountId, address: sender, segmentsPerSecond };
}

async function askAccount(
  configurations: PromiseClient<ConfigurationServiceClient>,
  org: string,
  channelAccountId: string,
) {
  const answer = await configurations.getChannelAccountCredentials({ channelAccountId }, { org }).catch(notThere);
  const account = answer?.channelAccount;
  const credentials = answer?.credentials;
  if (!account || !credentials) return { kind: 'unusable', why: 'CREDENTIALS_NOT_FOUND' } satisfies Unusable;
  if (account.state === ChannelAccount_State.DISABLED) {
    return { kind: 'unusable', why: 'CHANNEL_ACCOUNT_DISABLED' } satisfies Unusable;
  }
  if (credentials.provider?.$case !== 'twilio')
    return { kind: 'unusable', why: 'CHANNEL_TYPE_UNSUPPORTED' } satisfies Unusable;
  const { authToken, apiKeySid, apiKeySecret } = credentials.provider.value;
  const access: AccountAccess = {
    accountId: account.providerAccountId,
    apiBaseUrl: account.apiBaseUrl,
    ...(apiKeySid === '' ? { secret: authToken } : { apiKeySid, secret: apiKeySecret }),
  };
  return { kind: 'account' as const, access, caps: capsOf(account), statusWebhookUrl: account.statusWebhookUrl };
}

function capsOf({ id, segmentsPerSecond, messagesPerDay }: ChannelAccount): AccountCaps | undefined {
  if (segmentsPerSecond === 0 && messagesPerDay === 0) return undefined;
  return { channelAccountId: id, segmentsPerSecond, messagesPerDay };
}

function notThere(error: unknown): undefined {
  if (error instanceof HeraldError && REFUSALS.has(error.reason)) return undefined;
  throw error;
}

/** What configuration-service answers about something that cannot be used; everything else is worth asking again. */
const REFUSALS: ReadonlySet<string> = new Set([
  'CHANNEL_NOT_FOUND',
  'CHANNEL_ACCOUNT_NOT_FOUND',
  'CREDENTIALS_NOT_FOUND',
]);
