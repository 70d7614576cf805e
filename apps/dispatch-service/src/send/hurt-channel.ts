import type { ChannelAdapter, SendOutcome } from '@herald/channels';
import { failpoint, isArmed, isPlanted } from '@herald/failpoints';

/** What a provider would answer that took the message: said of one that was never sent, where that fault is planted. */
const PRETENDED: SendOutcome = { kind: 'accepted', providerId: 'SMplanted', status: 'queued', rank: 20 };

/**
 * The channel with the failpoints around each request to it, and with the faults that are planted to try whoever checks
 * us. Where no failpoints are armed it only passes the request on.
 */
export function hurtChannel(channel: ChannelAdapter): ChannelAdapter {
  return {
    ...channel,
    send: (...request) => (isArmed() ? hurt(channel, request) : channel.send(...request)),
  };
}

async function hurt(channel: ChannelAdapter, request: Parameters<ChannelAdapter['send']>): Promise<SendOutcome> {
  await failpoint('dispatch.before_socket_write');
  if (isPlanted('plant.loss')) return PRETENDED;
  if (isPlanted('plant.duplicate')) await channel.send(...request);
  const outcome = await channel.send(...request);
  await failpoint('dispatch.after_response');
  return outcome;
}
