import type { Channel } from '@herald/contracts/configuration';
import type { Reason } from '@herald/errors';
import { rotation } from './given';
import type { Configurations, RunningService } from './running-service';

/** What a configuration stands on, and who may spoil it. */
export interface Ground {
  service: RunningService;
  org: string;
  configurations: Configurations;
  channel: Channel;
  templateId: string;
}

/** What makes a channel or a template unusable, and the reason that a configuration on it is refused with. */
export const SPOILT: [Reason, (ground: Ground) => Promise<unknown>][] = [
  ['CHANNEL_DISABLED', ({ configurations, channel }) => configurations.disableChannel({ channelId: channel.id })],
  [
    'CHANNEL_ACCOUNT_DISABLED',
    ({ configurations, channel: { channelAccountId } }) => configurations.disableChannelAccount({ channelAccountId }),
  ],
  [
    'CHANNEL_ACCOUNT_NOT_VALID',
    ({ configurations, channel }) => configurations.rotateChannelAccountCredentials(rotation(channel.channelAccountId)),
  ],
  ['TEMPLATE_ARCHIVED', withTemplate({ archived: true })],
  ['TEMPLATE_NOT_PUBLISHED', withTemplate({ refusal: 'TEMPLATE_NOT_PUBLISHED' })],
  ['TEMPLATE_NOT_FOUND', withTemplate({ refusal: 'TEMPLATE_NOT_FOUND' })],
];

function withTemplate(standing: Parameters<RunningService['templates']['set']>[2]) {
  return ({ service, org, templateId }: Ground) => Promise.resolve(service.templates.set(org, templateId, standing));
}
