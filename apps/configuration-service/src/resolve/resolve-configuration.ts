import type {
  GetChannelAccountCredentialsResponse,
  ResolveConfigurationResponse,
  ResolveWebhookAccountResponse,
} from '@herald/contracts/configuration';
import { Provider } from '@herald/contracts/type';
import { HeraldError, REASONS } from '@herald/errors';
import { writeAccount } from '../accounts/account-messages';
import { findAccount, findByPath } from '../accounts/account-store';
import { writeChannel } from '../channels/channel-messages';
import { findChannel } from '../channels/channel-store';
import { channelBlockers } from '../configurations/blockers';
import { writeConfiguration } from '../configurations/configuration-messages';
import { findConfiguration } from '../configurations/configuration-store';
import type { ConfigurationDeps } from '../deps';
import { openCredentials, openVerifying } from '../sealing/credential-store';
import { readSettings, writeSettings } from '../settings/settings';

/** All that a send is pinned to, as one moment shows it, and what here stands in its way. */
export function resolveConfiguration(
  deps: ConfigurationDeps,
  org: string,
  id: string,
): Promise<ResolveConfigurationResponse> {
  return deps.database.snapshot(org, async (tx) => {
    const configuration = await findConfiguration(tx, org, id);
    const channel = await findChannel(tx, org, configuration.channelId);
    const account = await findAccount(tx, org, channel.channelAccountId);
    const settings = await readSettings(tx, org);
    const inactive = configuration.state === 'INACTIVE' ? ['CONFIGURATION_INACTIVE'] : [];
    return {
      outboundConfiguration: writeConfiguration(configuration),
      channel: writeChannel(channel),
      channelAccount: writeAccount(account, deps.publicUrl),
      settings: writeSettings(settings),
      blockers: [...inactive, ...channelBlockers(channel, account)],
    };
  });
}

/** An account's credentials, opened, for the one service that sends with them. Throws CREDENTIALS_NOT_FOUND. */
export function getChannelAccountCredentials(
  deps: ConfigurationDeps,
  org: string,
  id: string,
): Promise<GetChannelAccountCredentialsResponse> {
  return deps.database.snapshot(org, async (tx) => {
    const account = await findAccount(tx, org, id);
    const key = { org, channelAccountId: id, version: account.credentialVersion };
    const credentials = await openCredentials(tx, deps.sealer, key);
    return { channelAccount: writeAccount(account, deps.publicUrl), credentials };
  });
}

/** What a segment is written in. Strangers choose what is asked for, and the database refuses some of it with an error. */
const SEGMENT_FORM = /^[\w-]{1,100}$/;

/**
 * The account behind a webhook's path. Webhooks of a disabled account are verified all the same: what was sent before
 * goes on being reported. Throws WEBHOOK_PATH_NOT_FOUND.
 */
export async function resolveWebhookAccount(
  deps: ConfigurationDeps,
  segment: string,
): Promise<ResolveWebhookAccountResponse> {
  const isSegment = SEGMENT_FORM.test(segment);
  const owner = isSegment ? await deps.database.withoutOrg((tx) => findByPath(tx, segment)) : undefined;
  if (!owner) throw new HeraldError('WEBHOOK_PATH_NOT_FOUND', REASONS.WEBHOOK_PATH_NOT_FOUND.text);
  const { org, id } = owner;
  return deps.database.snapshot(org, async (tx) => {
    const account = await findAccount(tx, org, id);
    const key = { org, channelAccountId: id, version: account.credentialVersion };
    const credentials = await openVerifying(tx, deps.sealer, key, deps.now());
    return {
      orgId: org,
      channelAccountId: id,
      provider: Provider.TWILIO,
      providerAccountId: account.providerAccountId,
      // Twilio signs webhooks with the account's token, never with a key.
      verificationKeys: credentials.flatMap(({ provider }) =>
        provider?.$case === 'twilio' ? provider.value.authToken : [],
      ),
    };
  });
}
