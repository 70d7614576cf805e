import { Channel_State, type ConfigurationServiceClient } from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import { HeraldError, REASONS, type Reason } from '@herald/errors';
import type { PromiseClient } from '@herald/grpc';
import type { ReplyDeps } from '../replies/send-reply';
import type { HeldElsewhere } from './holds';

/** What belongs to configuration-service and calls of operators and of conversations name. Nothing of it is kept: they are few. */
export function subjectsOf(
  configurations: PromiseClient<ConfigurationServiceClient>,
): HeldElsewhere & ReplyDeps['subjects'] {
  return {
    confirmConfiguration: async (org, outboundConfigurationId, signal) => {
      await configurations.resolveConfiguration({ outboundConfigurationId }, { org, signal });
    },
    confirmChannel: async (org, channelId, signal) => {
      await configurations.getChannelById({ channelId }, { org, signal });
    },
    replyChannel: async (org, channelId, signal) => {
      const [{ channel }, { settings }] = await Promise.all([
        configurations.getChannelById({ channelId }, { org, signal }),
        configurations.getOrganizationSettings({}, { org, signal }),
      ]);
      if (!channel || !settings) throw new Error('configuration-service answered without what was asked for');
      if (channel.channelType !== ChannelType.SMS) throw unusable('CHANNEL_TYPE_UNSUPPORTED', channelId);
      if (channel.state === Channel_State.DISABLED) throw unusable('CHANNEL_DISABLED', channelId);
      if (channel.state !== Channel_State.PROVISIONED) throw unusable('CHANNEL_NOT_PROVISIONED', channelId);
      return { channelAccountId: channel.channelAccountId, spreadSenders: settings.spreadSenders };
    },
  };
}

function unusable(reason: Reason, channelId: string): HeraldError {
  const { text } = REASONS[reason];
  return new HeraldError(reason, text, {
    metadata: { channelId },
    preconditions: [{ type: reason, subject: `channel/${channelId}`, description: text }],
  });
}
