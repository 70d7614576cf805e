import { channelTypeOf } from './channel-type';

describe('channelTypeOf', () => {
  it('reads the names of lists in any case', () => {
    expect(['SMS', 'sms', ' WhatsApp ', 'Twitter', 'X'].map(channelTypeOf)).toEqual([
      'SMS',
      'SMS',
      'WHATSAPP',
      'TWITTER',
      'TWITTER',
    ]);
  });

  it.each(['', 'fax', 'constructor', 'toString'])('does not know %j', (name) => {
    expect(channelTypeOf(name)).toBeUndefined();
  });
});
