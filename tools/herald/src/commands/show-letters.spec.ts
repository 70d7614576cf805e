import type { KeptLetter } from '@herald/bus';
import { ConfigurationChanged, ConfigurationChanged_Kind } from '@herald/contracts/event';
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
});
