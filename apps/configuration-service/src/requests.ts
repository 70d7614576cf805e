import {
  Channel,
  ChannelAccount,
  OrganizationSettings,
  OutboundConfiguration,
  type CreateChannelAccountRequest,
  type CreateChannelRequest,
  type CreateOutboundConfigurationRequest,
  type Credentials,
  type RotateChannelAccountCredentialsRequest,
  type UpdateChannelAccountRequest,
  type UpdateChannelRequest,
  type UpdateOrganizationSettingsRequest,
  type UpdateOutboundConfigurationRequest,
} from '@herald/contracts/configuration';
import type { CallContext } from '@herald/grpc';
import { checkApiBaseUrl } from './accounts/api-base-url';
import {
  immutableOfAccount,
  readAccount,
  readAccountRate,
  readCredentials,
  readDailyMessages,
  type GivenAccount,
} from './accounts/account-messages';
import type { AccountUpdate } from './accounts/change-channel-account';
import type { ChannelUpdate } from './channels/change-channel';
import { immutableOfChannel, readChannel, readRate, type GivenChannel } from './channels/channel-messages';
import type { ConfigurationUpdate } from './configurations/change-outbound-configuration';
import {
  changeOf,
  fieldsSet,
  immutableOfConfiguration,
  readConfiguration,
  type GivenConfiguration,
} from './configurations/configuration-messages';
import { repeatable, type Repeatable } from '@herald/postgres';
import { readChanges, Violations } from './reading';
import { checkSettings, type SettingsChange } from './settings/settings';

/** Reads a request to create an account. */
export function readCreateAccount(
  request: CreateChannelAccountRequest,
  context: CallContext,
): Repeatable & { given: GivenAccount; credentials: Credentials } {
  const violations = new Violations();
  const requestId = violations.uuid('request_id', request.requestId);
  const given = readAccount(violations, request.channelAccount);
  const credentials = readCredentials(violations, request.credentials);
  violations.refuse();
  const content = { given, credentials };
  return { ...repeatable(context, 'CreateChannelAccount', { requestId, content }), ...content };
}

/** Reads a request to rotate an account's credentials. */
export function readRotate(
  request: RotateChannelAccountCredentialsRequest,
  context: CallContext,
): Repeatable & { id: string; credentials: Credentials } {
  const violations = new Violations();
  const requestId = violations.uuid('request_id', request.requestId);
  const id = violations.uuid('channel_account_id', request.channelAccountId);
  const credentials = readCredentials(violations, request.credentials);
  violations.refuse();
  const content = { id, credentials };
  return { ...repeatable(context, 'RotateChannelAccountCredentials', { requestId, content }), ...content };
}

/** Reads a change of an account. */
export function readAccountUpdate({ channelAccount, updateMask }: UpdateChannelAccountRequest): AccountUpdate {
  const given = channelAccount ?? ChannelAccount.create();
  const { displayName, apiBaseUrl, segmentsPerSecond, messagesPerDay } = given;
  const { fields, immutable } = readChanges(updateMask, {
    isSet: {
      display_name: displayName !== '',
      api_base_url: apiBaseUrl !== '',
      segments_per_second: segmentsPerSecond !== 0,
      messages_per_day: messagesPerDay !== 0,
    },
    immutable: immutableOfAccount(given),
  });
  const violations = new Violations();
  const id = violations.uuid('channel_account.id', given.id);
  const change: AccountUpdate['change'] = {};
  if (fields.has('display_name')) change.displayName = violations.name('channel_account.display_name', displayName);
  if (fields.has('api_base_url')) {
    checkApiBaseUrl(violations, 'channel_account.api_base_url', apiBaseUrl);
    change.apiBaseUrl = apiBaseUrl;
  }
  if (fields.has('segments_per_second')) change.segmentsPerSecond = readAccountRate(violations, segmentsPerSecond);
  if (fields.has('messages_per_day')) change.messagesPerDay = readDailyMessages(violations, messagesPerDay);
  violations.refuse();
  return { id, change, immutable };
}

/** Reads a request to create a channel. */
export function readCreateChannel(
  request: CreateChannelRequest,
  context: CallContext,
): Repeatable & { given: GivenChannel } {
  const violations = new Violations();
  const requestId = violations.uuid('request_id', request.requestId);
  const given = readChannel(violations, request.channel);
  violations.refuse();
  return { ...repeatable(context, 'CreateChannel', { requestId, content: given }), given };
}

/** Reads a change of a channel. */
export function readChannelUpdate({ channel, updateMask }: UpdateChannelRequest): ChannelUpdate {
  const given = channel ?? Channel.create();
  const { displayName, segmentsPerSecond } = given;
  const { fields, immutable } = readChanges(updateMask, {
    isSet: { display_name: displayName !== '', segments_per_second: segmentsPerSecond !== 0 },
    immutable: immutableOfChannel(given),
  });
  const violations = new Violations();
  const id = violations.uuid('channel.id', given.id);
  const change: ChannelUpdate['change'] = {};
  if (fields.has('display_name')) change.displayName = violations.name('channel.display_name', displayName);
  if (fields.has('segments_per_second')) change.segmentsPerSecond = readRate(violations, segmentsPerSecond);
  violations.refuse();
  return { id, change, immutable };
}

/** Reads a request to create an outbound configuration. */
export function readCreateConfiguration(
  request: CreateOutboundConfigurationRequest,
  context: CallContext,
): Repeatable & { given: GivenConfiguration } {
  const violations = new Violations();
  const requestId = violations.uuid('request_id', request.requestId);
  const given = readConfiguration(violations, request.outboundConfiguration);
  violations.refuse();
  return { ...repeatable(context, 'CreateOutboundConfiguration', { requestId, content: given }), given };
}

/** Reads a change of an outbound configuration. */
export function readConfigurationUpdate({
  outboundConfiguration,
  updateMask,
}: UpdateOutboundConfigurationRequest): ConfigurationUpdate {
  const wire = outboundConfiguration ?? OutboundConfiguration.create();
  const { fields, immutable } = readChanges(updateMask, {
    isSet: fieldsSet(wire),
    immutable: immutableOfConfiguration(wire),
  });
  const violations = new Violations();
  const id = violations.uuid('outbound_configuration.id', wire.id);
  const given = readConfiguration(violations, wire, (field) => (fields as ReadonlySet<string>).has(field));
  violations.refuse();
  return { id, change: changeOf(given, fields), immutable };
}

/** Reads a change of the organisation's settings. */
export function readSettingsUpdate({ settings, updateMask }: UpdateOrganizationSettingsRequest): SettingsChange {
  const { contactsPerRequestMax, requestsPerHourMax, strict2020, spreadSenders } =
    settings ?? OrganizationSettings.create();
  const { fields } = readChanges(updateMask, {
    isSet: {
      contacts_per_request_max: contactsPerRequestMax !== 0,
      requests_per_hour_max: requestsPerHourMax !== 0,
      strict_2020: strict2020,
      spread_senders: spreadSenders,
    },
    immutable: {},
  });
  const change: SettingsChange = {};
  if (fields.has('contacts_per_request_max')) change.contactsPerRequestMax = contactsPerRequestMax;
  if (fields.has('requests_per_hour_max')) change.requestsPerHourMax = requestsPerHourMax;
  if (fields.has('strict_2020')) change.strict2020 = strict2020;
  if (fields.has('spread_senders')) change.spreadSenders = spreadSenders;
  const violations = new Violations();
  checkSettings(violations, change);
  violations.refuse();
  return change;
}
