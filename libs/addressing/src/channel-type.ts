/** The kinds of channel that a contact list may name. */
export type ListedChannelType = 'SMS' | 'WHATSAPP' | 'TWITTER';

const NAMES: Readonly<Record<string, ListedChannelType>> = {
  sms: 'SMS',
  whatsapp: 'WHATSAPP',
  twitter: 'TWITTER',
  x: 'TWITTER',
};

/** The kind of channel that a contact list's `channelid` names, in any case; undefined when it names none. */
export function channelTypeOf(channelId: string): ListedChannelType | undefined {
  const name = channelId.trim().toLowerCase();
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
}
