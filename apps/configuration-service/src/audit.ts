import {
  Channel as WireChannel,
  ChannelAccount as WireAccount,
  OutboundConfiguration as WireConfiguration,
} from '@herald/contracts/configuration';
import { appendAudit, type Act, type AuditedChange, type Tx } from '@herald/postgres';
import { writeAccount } from './accounts/account-messages';
import type { Account } from './accounts/account-store';
import { writeChannel } from './channels/channel-messages';
import type { Channel } from './channels/channel-store';
import { writeConfiguration } from './configurations/configuration-messages';
import type { Configuration } from './configurations/configuration-store';

/** What an act made of something, and what it was before, if it was. */
interface Change<Entity> {
  before?: Entity;
  after: Entity;
  requestId?: string | undefined;
}

/** Adds what became of an account, without the addresses of its webhooks: nobody may guess them, and they never change. */
export function auditAccount(tx: Tx, act: Act, change: Change<Account>): Promise<void> {
  const show = (account: Account) =>
    WireAccount.toJSON({ ...writeAccount(account, ''), inboundWebhookUrl: '', statusWebhookUrl: '' });
  return appendAudit(tx, act, shown(change, { kind: 'channelAccount', id: change.after.id }, show));
}

/** Adds what became of a channel, without its sender: that is a phone number, and never changes. */
export function auditChannel(tx: Tx, act: Act, change: Change<Channel>): Promise<void> {
  const show = (channel: Channel) => WireChannel.toJSON({ ...writeChannel(channel), sender: '' });
  return appendAudit(tx, act, shown(change, { kind: 'channel', id: change.after.id }, show));
}

/** Adds what became of an outbound configuration. */
export function auditConfiguration(tx: Tx, act: Act, change: Change<Configuration>): Promise<void> {
  const show = (configuration: Configuration) => WireConfiguration.toJSON(writeConfiguration(configuration));
  return appendAudit(tx, act, shown(change, { kind: 'outboundConfiguration', id: change.after.id }, show));
}

function shown<Entity>(
  { before, after, requestId }: Change<Entity>,
  subject: { kind: string; id: string },
  show: (entity: Entity) => unknown,
): AuditedChange {
  return { subject, requestId, before: before && show(before), after: show(after) };
}
