import {
  CreateChannelAccountResponse,
  CreateChannelResponse,
  CreateOutboundConfigurationResponse,
  RotateChannelAccountCredentialsResponse,
  type ConfigurationServiceServer,
} from '@herald/contracts/configuration';
import { unary, unimplemented } from '@herald/grpc';
import { cutPage, readPage } from '@herald/postgres';
import {
  disableChannelAccount,
  rotateChannelAccountCredentials,
  updateChannelAccount,
} from './accounts/change-channel-account';
import { createChannelAccount } from './accounts/create-channel-account';
import { writeAccount } from './accounts/account-messages';
import { findAccount, selectAccounts, type Account } from './accounts/account-store';
import { validateChannelAccount } from './accounts/validate-channel-account';
import { createChannel, disableChannel, updateChannel, validateChannel } from './channels/change-channel';
import { writeChannel } from './channels/channel-messages';
import { findChannel, selectChannels, type Channel } from './channels/channel-store';
import { setConfigurationState, updateOutboundConfiguration } from './configurations/change-outbound-configuration';
import { writeConfiguration } from './configurations/configuration-messages';
import { findConfiguration, selectConfigurations, type Configuration } from './configurations/configuration-store';
import { createOutboundConfiguration } from './configurations/create-outbound-configuration';
import type { ConfigurationDeps } from './deps';
import { readId } from './reading';
import {
  readAccountUpdate,
  readChannelUpdate,
  readConfigurationUpdate,
  readCreateAccount,
  readCreateChannel,
  readCreateConfiguration,
  readRotate,
  readSettingsUpdate,
} from './requests';
import {
  getChannelAccountCredentials,
  resolveConfiguration,
  resolveWebhookAccount,
} from './resolve/resolve-configuration';
import { readSettings, updateOrganizationSettings, writeSettings } from './settings/settings';

const PAGE_SIZES = { byDefault: 50, max: 200 };

/** The gRPC face of configuration: reads the request, calls one use case, writes the response. It decides nothing. */
export function configurationService(deps: ConfigurationDeps): ConfigurationServiceServer {
  return {
    ...accountMethods(deps),
    ...channelMethods(deps),
    ...configurationMethods(deps),
    ...otherMethods(deps),
    ...LATER,
  };
}

function accountMethods(deps: ConfigurationDeps) {
  const { database } = deps;
  const answer = (account: Account) => ({ channelAccount: writeAccount(account, deps.publicUrl) });
  return {
    createChannelAccount: unary(async (request, context) =>
      CreateChannelAccountResponse.decode(
        await createChannelAccount(deps, context, readCreateAccount(request, context)),
      ),
    ),
    getChannelAccount: unary(async ({ channelAccountId }, { org }) =>
      answer(await database.read(org, (tx) => findAccount(tx, org, readId('channel_account_id', channelAccountId)))),
    ),
    listChannelAccounts: unary(async (request, { org }) => {
      const page = readPage(request, PAGE_SIZES);
      const { rows, nextPageToken } = cutPage(await database.read(org, (tx) => selectAccounts(tx, org, page)), page);
      return { channelAccounts: rows.map((account) => writeAccount(account, deps.publicUrl)), nextPageToken };
    }),
    updateChannelAccount: unary(async (request, context) =>
      answer(await updateChannelAccount(deps, context, readAccountUpdate(request))),
    ),
    validateChannelAccount: unary(async ({ channelAccountId }, context) =>
      answer(await validateChannelAccount(deps, context, readId('channel_account_id', channelAccountId))),
    ),
    rotateChannelAccountCredentials: unary(async (request, context) =>
      RotateChannelAccountCredentialsResponse.decode(
        await rotateChannelAccountCredentials(deps, context, readRotate(request, context)),
      ),
    ),
    disableChannelAccount: unary(async ({ channelAccountId }, context) =>
      answer(await disableChannelAccount(deps, context, readId('channel_account_id', channelAccountId))),
    ),
  } satisfies Partial<ConfigurationServiceServer>;
}

function channelMethods(deps: ConfigurationDeps) {
  const { database } = deps;
  const answer = (channel: Channel) => ({ channel: writeChannel(channel) });
  return {
    createChannel: unary(async (request, context) =>
      CreateChannelResponse.decode(await createChannel(deps, context, readCreateChannel(request, context))),
    ),
    getChannelById: unary(async ({ channelId }, { org }) =>
      answer(await database.read(org, (tx) => findChannel(tx, org, readId('channel_id', channelId)))),
    ),
    listChannels: unary(async (request, { org }) => {
      const page = readPage(request, PAGE_SIZES);
      const { rows, nextPageToken } = cutPage(await database.read(org, (tx) => selectChannels(tx, org, page)), page);
      return { channels: rows.map(writeChannel), nextPageToken };
    }),
    updateChannel: unary(async (request, context) =>
      answer(await updateChannel(deps, context, readChannelUpdate(request))),
    ),
    validateChannel: unary(async ({ channelId }, context) =>
      answer(await validateChannel(deps, context, readId('channel_id', channelId))),
    ),
    disableChannel: unary(async ({ channelId }, context) =>
      answer(await disableChannel(deps, context, readId('channel_id', channelId))),
    ),
  } satisfies Partial<ConfigurationServiceServer>;
}

function configurationMethods(deps: ConfigurationDeps) {
  const { database } = deps;
  const answer = (configuration: Configuration) => ({ outboundConfiguration: writeConfiguration(configuration) });
  const idOf = (request: { outboundConfigurationId: string }) =>
    readId('outbound_configuration_id', request.outboundConfigurationId);
  return {
    createOutboundConfiguration: unary(async (request, context) =>
      CreateOutboundConfigurationResponse.decode(
        await createOutboundConfiguration(deps, context, readCreateConfiguration(request, context)),
      ),
    ),
    getOutboundConfiguration: unary(async (request, { org }) =>
      answer(await database.read(org, (tx) => findConfiguration(tx, org, idOf(request)))),
    ),
    listOutboundConfigurations: unary(async (request, { org }) => {
      const page = readPage(request, PAGE_SIZES);
      const { rows, nextPageToken } = cutPage(
        await database.read(org, (tx) => selectConfigurations(tx, org, page)),
        page,
      );
      return { outboundConfigurations: rows.map(writeConfiguration), nextPageToken };
    }),
    updateOutboundConfiguration: unary(async (request, context) =>
      answer(await updateOutboundConfiguration(deps, context, readConfigurationUpdate(request))),
    ),
    activateOutboundConfiguration: unary(async (request, context) =>
      answer(await setConfigurationState(deps, context, { id: idOf(request), state: 'ACTIVE' })),
    ),
    deactivateOutboundConfiguration: unary(async (request, context) =>
      answer(await setConfigurationState(deps, context, { id: idOf(request), state: 'INACTIVE' })),
    ),
  } satisfies Partial<ConfigurationServiceServer>;
}

function otherMethods(deps: ConfigurationDeps) {
  return {
    getOrganizationSettings: unary(async (_request, { org }) => ({
      settings: writeSettings(await deps.database.read(org, (tx) => readSettings(tx, org))),
    })),
    updateOrganizationSettings: unary(async (request, context) => {
      const { caller } = context;
      const isOperator = caller.kind === 'user' && caller.scopes.has('operator');
      const change = readSettingsUpdate(request);
      return { settings: writeSettings(await updateOrganizationSettings(deps, context, { change, isOperator })) };
    }),
    resolveConfiguration: unary((request, { org }) =>
      resolveConfiguration(deps, org, readId('outbound_configuration_id', request.outboundConfigurationId)),
    ),
    getChannelAccountCredentials: unary((request, { org }) =>
      getChannelAccountCredentials(deps, org, readId('channel_account_id', request.channelAccountId)),
    ),
    resolveWebhookAccount: unary(({ pathSegment }) => resolveWebhookAccount(deps, pathSegment)),
  } satisfies Partial<ConfigurationServiceServer>;
}

/** RPCs of the contract that no version serves yet; README lists them. */
const LATER = {
  createFlow: unimplemented(),
  getFlow: unimplemented(),
  listFlows: unimplemented(),
  updateFlow: unimplemented(),
  activateFlow: unimplemented(),
  deactivateFlow: unimplemented(),
  submitProviderTemplate: unimplemented(),
  getProviderTemplate: unimplemented(),
};
