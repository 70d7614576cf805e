import fc from 'fast-check';
import examples from 'libphonenumber-js/examples.mobile.json';
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import { normalisePhone } from './phone';

const numbers = getCountries().flatMap((country) => getExampleNumber(country, examples)?.number ?? []);

describe('normalisePhone', () => {
  it.each([
    ['+14255550123', '+14255550123'],
    [' +1 (425) 555-0123 ', '+14255550123'],
    ['+49 30 901820', '+4930901820'],
    ['+44\u00a020\u00a07946\u00a00958', '+442079460958'],
    ['+44 (0)20 7946 0958', '+442079460958'],
    ['\u202a+1\u2011425\u2011555\u20110123\u202c', '+14255550123'],
    ['+1\u2212425/555.0123', '+14255550123'],
  ])('reads %j', (text, e164) => {
    expect(normalisePhone(text)).toMatchObject({ kind: 'phone', e164 });
  });

  it.each([
    ['4255550123', 'not-international'],
    ['004930901820', 'not-international'],
    ['', 'not-a-number'],
    ['+', 'not-a-number'],
    ['+1-800-FLOWERS', 'not-a-number'],
    ['ana@example.com', 'not-a-number'],
    ['tel:+14255550123', 'not-a-number'],
    ['+1 425 555 0123 x5', 'not-a-number'],
    ['++14255550123', 'not-a-number'],
    ['+1425555', 'not-assigned'],
    ['+00 14255550123', 'not-assigned'],
    ['+999123456789', 'not-assigned'],
    [`+1${' '.repeat(50)}4255550123`, 'not-a-number'],
    ['+١٤٢٥٥٥٥٠١٢٣', 'not-a-number'],
  ])('refuses %j', (text, why) => {
    expect(normalisePhone(text)).toEqual({ kind: 'invalid', why });
  });

  it('gives one spelling to all ways of writing a number, again and again', () => {
    const spellings = ['+14255550123', '+1 425 555 0123', '+1.425.555.0123'];
    const numbers = [...spellings, ...spellings].map((text) => normalisePhone(text));
    expect(new Set(numbers.map((number) => (number.kind === 'phone' ? number.e164 : number.why))).size).toBe(1);
  });

  it('names the country of a number, and none for one that belongs to no country', () => {
    expect(normalisePhone('+442079460958')).toMatchObject({ country: 'GB', isTollFree: false });
    expect(normalisePhone('+80012345678')).toMatchObject({ country: undefined, isTollFree: true });
  });

  it('reads the example of every country, however it is spaced, as itself', () => {
    const separator = fc.constantFrom('', '', ' ', '-', '.', ' (', ') ', '\u00a0', '\u2013');
    fc.assert(
      fc.property(
        fc.constantFrom(...numbers),
        fc.array(separator, { minLength: 16, maxLength: 16 }),
        (number, between) => {
          const written = [...number].map((digit, at) => digit + (between[at] ?? '')).join('');
          expect(normalisePhone(written.slice(0, 40))).toMatchObject(
            written.length <= 40 ? { kind: 'phone', e164: number } : {},
          );
          expect(normalisePhone(number)).toMatchObject({ kind: 'phone', e164: number });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('answers any text, with nothing but E.164 that reads as itself', () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'+0123456789 -()') }));
    fc.assert(
      fc.property(texts, (text) => {
        const phone = normalisePhone(text);
        if (phone.kind === 'invalid') return;
        expect(phone.e164).toMatch(/^\+[1-9]\d{3,14}$/);
        expect(normalisePhone(phone.e164)).toEqual(phone);
      }),
    );
  });

  it('answers the same when it has read more numbers than it keeps', () => {
    const first = normalisePhone('+14255550123');
    for (let count = 0; count < 10_001; count += 1) normalisePhone(`${count}`);
    expect(normalisePhone('+14255550123')).toEqual(first);
  });
});
