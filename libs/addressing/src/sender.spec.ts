import fc from 'fast-check';
import { normaliseSender } from './sender';

describe('normaliseSender', () => {
  it.each([
    ['12345', 'short-code', '12345'],
    ['+1 425 555 0123', 'long-code', '+14255550123'],
    ['+18005550199', 'toll-free', '+18005550199'],
    ['12345678', 'short-code', '12345678'],
    ['Herald', 'alphanumeric', 'Herald'],
    [' Herald Info ', 'alphanumeric', 'Herald Info'],
    ['24 Hours', 'alphanumeric', '24 Hours'],
    ['MG0123456789ABCDEF0123456789abcdef', 'messaging-service', 'MG0123456789abcdef0123456789abcdef'],
  ])('knows %j as a %s', (text, kind, address) => {
    expect(normaliseSender(text)).toEqual({ kind, address });
  });

  it.each([
    '',
    '12',
    '123456789',
    'twelve letters',
    '!',
    '+1425',
    'Zürich',
    'He\nrald',
    '14255550123',
    `MG${'0'.repeat(31)}`,
  ])('refuses %j', (text) => {
    expect(normaliseSender(text)).toEqual({ kind: 'invalid' });
  });

  it('spells what it knows in one way, of the same kind when read again', () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'+0123456789 aZ&-_') }));
    fc.assert(
      fc.property(texts, (text) => {
        const sender = normaliseSender(text);
        if (sender.kind === 'invalid') return;
        expect(normaliseSender(sender.address)).toEqual(sender);
        if (sender.kind === 'alphanumeric') expect(sender.address).toMatch(/^(?=.*[a-z]).{1,11}$/i);
      }),
    );
  });
});
