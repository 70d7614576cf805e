export { normalisePhone } from './phone';
export type { PhoneAddress } from './phone';
export { channelTypeOf } from './channel-type';
export type { ListedChannelType } from './channel-type';
export { normaliseSender } from './sender';
export type { SenderAddress } from './sender';
