import { HeraldError, REASONS, type Reason } from '@herald/errors';
import type { Account } from '../accounts/account-store';
import type { Channel } from '../channels/channel-store';

/** What keeps a channel from being sent through: its own state, and its account's. */
export function channelBlockers(channel: Channel, account: Account): Reason[] {
  const blockers: Reason[] = [];
  if (channel.state === 'DISABLED') blockers.push('CHANNEL_DISABLED');
  if (channel.state === 'UNPROVISIONED') blockers.push('CHANNEL_NOT_PROVISIONED');
  if (account.state === 'DISABLED') blockers.push('CHANNEL_ACCOUNT_DISABLED');
  if (account.state === 'UNVALIDATED' || account.state === 'INVALID') blockers.push('CHANNEL_ACCOUNT_NOT_VALID');
  return blockers;
}

/** What a configuration stands on: the template as template-service tells it. */
export interface TemplateStanding {
  blockers: Reason[];
  /** Undefined while nothing is published. */
  channelType: string | undefined;
}

/** Throws the first blocker as the error, with all of them as its preconditions. */
export function refuseBlocked(
  blockers: readonly Reason[],
  { channelId, templateId }: { channelId: string; templateId: string },
): void {
  const [first] = blockers;
  if (first === undefined) return;
  throw new HeraldError(first, REASONS[first].text, {
    metadata: { channelId, templateId, blockers: blockers.join(' ') },
    preconditions: blockers.map((type) => ({
      type,
      subject: type.startsWith('TEMPLATE') ? `template/${templateId}` : `channel/${channelId}`,
      description: REASONS[type].text,
    })),
  });
}

/** Throws CHANNEL_TYPE_MISMATCH unless configuration, channel and template are of one type. */
export function refuseMixedTypes(types: {
  configuration: string;
  channel: string;
  template: string | undefined;
}): void {
  const { configuration, channel, template = configuration } = types;
  if (channel === configuration && template === configuration) return;
  throw new HeraldError('CHANNEL_TYPE_MISMATCH', REASONS.CHANNEL_TYPE_MISMATCH.text, {
    metadata: { configuration, channel, template },
    violations: [
      {
        field: 'outbound_configuration.channel_type',
        reason: 'FIELD_CONFLICT',
        description: `the configuration is for ${configuration}, the channel for ${channel}, the template for ${template}`,
      },
    ],
  });
}
