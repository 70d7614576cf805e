import { normaliseSender } from '@herald/addressing';
import { Channel_SenderType, Channel_State, type Channel as WireChannel } from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import type { Immutable, Violations } from '../reading';
import type { Channel, SenderType } from './channel-store';

/** What a sender of each type carries by itself, in segments a second (https://help.twilio.com/articles/115002943027). */
const DEFAULT_RATES: Readonly<Record<SenderType, number>> = {
  LONG_CODE: 1,
  TOLL_FREE: 3,
  ALPHANUMERIC: 10,
  SHORT_CODE: 100,
  MESSAGING_SERVICE: 10,
};
/** A number carries 1,000 at most, but a messaging service sends by up to 400 numbers and short codes at once. */
const RATE_MAX = 10_000;
const RATE_MIN = 0.01;

const SENDER_TYPES = {
  'long-code': 'LONG_CODE',
  'toll-free': 'TOLL_FREE',
  'short-code': 'SHORT_CODE',
  alphanumeric: 'ALPHANUMERIC',
  'messaging-service': 'MESSAGING_SERVICE',
} as const;

/** What a caller says of a new channel. */
export type GivenChannel = Pick<
  Channel,
  'channelAccountId' | 'displayName' | 'channelType' | 'sender' | 'senderType' | 'segmentsPerSecond'
>;

/** Reads a new channel; faults are added to the violations. The type of a sender follows from how it is written. */
export function readChannel(violations: Violations, channel: WireChannel | undefined): GivenChannel {
  if (channel === undefined) violations.add('channel', 'FIELD_REQUIRED', 'must be given');
  if (channel?.channelType !== ChannelType.SMS) {
    violations.add(
      'channel.channel_type',
      'FIELD_UNKNOWN_VALUE',
      'must be CHANNEL_TYPE_SMS, the only type served so far',
    );
  }
  const { sender, senderType } = readSender(violations, channel);
  return {
    channelAccountId: violations.uuid('channel.channel_account_id', channel?.channelAccountId ?? ''),
    displayName: violations.name('channel.display_name', channel?.displayName ?? ''),
    channelType: 'SMS',
    sender,
    senderType,
    segmentsPerSecond: readRate(violations, channel?.segmentsPerSecond ?? 0),
  };
}

function readSender(
  violations: Violations,
  channel: WireChannel | undefined,
): { sender: string; senderType: SenderType } {
  const read = normaliseSender(channel?.sender ?? '');
  if (read.kind === 'invalid') {
    const description =
      'must be a number in E.164, a short code, a name of up to 11 characters with a letter, or a messaging service';
    violations.add('channel.sender', 'FIELD_MALFORMED', description);
    return { sender: '', senderType: 'LONG_CODE' };
  }
  const senderType = SENDER_TYPES[read.kind];
  const claimed = channel?.senderType ?? Channel_SenderType.UNSPECIFIED;
  if (claimed !== Channel_SenderType.UNSPECIFIED && claimed !== Channel_SenderType[senderType]) {
    violations.add('channel.sender_type', 'FIELD_CONFLICT', `is not what the sender is: SENDER_TYPE_${senderType}`);
  }
  return { sender: read.address, senderType };
}

/** What of a channel stays as it was created with; a sender is the same however it is written. */
export function immutableOfChannel({ channelAccountId, channelType, sender, senderType }: WireChannel): Immutable {
  const read = normaliseSender(sender);
  return {
    channel_account_id: channelAccountId.toLowerCase(),
    channel_type: channelType,
    sender: read.kind === 'invalid' ? sender : read.address,
    sender_type: senderType,
  };
}

/** Reads a rate; 0 stands for the default of the sender's type. */
export function readRate(violations: Violations, rate: number): number {
  const isWithin = rate === 0 || (rate >= RATE_MIN && rate <= RATE_MAX);
  if (!isWithin)
    violations.add('channel.segments_per_second', 'FIELD_OUT_OF_RANGE', `must be 0 or from ${RATE_MIN} to ${RATE_MAX}`);
  return rate;
}

/** Writes a channel, with the rate that is in effect. */
export function writeChannel(channel: Channel): WireChannel {
  const { segmentsPerSecond, senderType } = channel;
  return {
    id: channel.id,
    channelAccountId: channel.channelAccountId,
    displayName: channel.displayName,
    channelType: ChannelType.SMS,
    sender: channel.sender,
    senderType: Channel_SenderType[senderType],
    segmentsPerSecond: segmentsPerSecond === 0 ? DEFAULT_RATES[senderType] : segmentsPerSecond,
    state: Channel_State[channel.state],
    createTime: channel.createdAt,
    updateTime: channel.updatedAt,
    validationError: channel.validationError,
  };
}
