import type { KeptLetter } from '@herald/bus';
import { ConfigurationChanged, ConfigurationChanged_Kind, EntityEvent, InboundMessage } from '@herald/contracts/event';
import { listedLetter, shownRecord } from './show-letters';

const event = { ...ConfigurationChanged.create(), orgId: 'acme', kind: ConfigurationChanged_Kind.CHANNEL };
const payload = ConfigurationChanged.encode(event).finish();
const letter: KeptLetter = {
  record: {
    ...{ topic: 'herald.configuration.v1', key: 'acme/channel/7', partition: 2, id: 'i', source: 'configuration' },
    ...{ type: 'herald.event.v1.ConfigurationChanged', time: new Date('2026-01-01T00:00:00Z'), payload },
  },
  ...{ group: 'dispatch-service', reason: 'TypeError', tries: 5, deadAt: new Date('2026-01-02T00:00:00Z') },
};

describe('a dead letter as it is shown', () => {
  it('is listed without its event', () => {
    expect(listedLetter(letter)).toEqual({
      ...{ id: 'i', topic: 'herald.configuration.v1', group: 'dispatch-service', reason: 'TypeError', tries: 5 },
      ...{ type: 'herald.event.v1.ConfigurationChanged', deadTime: '2026-01-02T00:00:00.000Z' },
    });
  });

  it('has the event as JSON, and every group that gave its record up', () => {
    expect(shownRecord([letter, { ...letter, group: 'conversation-service' }])).toMatchObject({
      ...{ id: 'i', partition: 2, key: 'acme/channel/7', time: '2026-01-01T00:00:00.000Z' },
      event: ConfigurationChanged.toJSON(event),
      letters: [{ group: 'dispatch-service', reason: 'TypeError' }, { group: 'conversation-service' }],
    });
  });

  it.each([
    ['bytes that are not the event', letter.record.type, new Uint8Array([10, 200, 1])],
    ['an event of a type that is not known here', 'herald.event.v1.Toppled', payload],
    ['a type of another package', 'ConfigurationChanged', payload],
    ['a name that is no message', 'herald.event.v1.ConfigurationChanged_Kind', payload],
  ])('has the bytes in base64 for %s', (_, type, bytes) => {
    const shown = shownRecord([{ ...letter, record: { ...letter.record, type, payload: bytes } }]);
    expect(shown.payload).toBe(Buffer.from(bytes).toString('base64'));
    expect(shown).not.toHaveProperty('event');
  });

  it('never has what a customer is or wrote: not in the event, the key, or bytes that cannot be read', () => {
    const secrets = ['+491700000001', '+491700000002', 'My card was lost', 'Ada Lovelace', 'https://media.example/1'];
    const [customerAddress, sender, text, profileName, url] = secrets as [string, string, string, string, string];
    const inbound = { orgId: 'acme', providerMessageId: 'SM1', customerAddress, sender, text, profileName };
    const bytes = InboundMessage.encode(InboundMessage.fromPartial({ ...inbound, media: [{ url }] })).finish();
    const record = {
      ...{ ...letter.record, topic: 'herald.inbound.v1', key: `acme/channel/${customerAddress}` },
      ...{ type: 'herald.event.v1.InboundMessage', payload: bytes },
    };
    const shown = [record, { ...record, payload: bytes.slice(0, -1) }, { ...record, type: 'unknown' }].map((each) =>
      shownRecord([{ ...letter, record: each }]),
    );
    expect(shown[0]).toMatchObject({
      ...{ key: 'acme/channel/[withheld]' },
      event: { orgId: 'acme', providerMessageId: 'SM1', customerAddress: '[withheld]', text: '[withheld]' },
    });
    expect(shown[1]).toMatchObject({ payload: `[withheld], ${bytes.length - 1} bytes` });
    const seen = JSON.stringify(shown);
    const hidden = [...secrets, Buffer.from(bytes).toString('base64')];
    expect(hidden.filter((secret) => seen.includes(secret))).toEqual([]);
  });

  it("has none of the values of the caller's world", () => {
    const event = EntityEvent.fromPartial({ orgId: 'acme', action: 'created', newValues: { phone: '+491700000001' } });
    const record = {
      ...{ ...letter.record, topic: 'herald.entity.v1', type: 'herald.event.v1.EntityEvent' },
      payload: EntityEvent.encode(event).finish(),
    };
    expect(shownRecord([{ ...letter, record }])).toMatchObject({
      event: { orgId: 'acme', action: 'created', newValues: '[withheld]' },
    });
  });
});
