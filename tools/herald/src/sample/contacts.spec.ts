import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { sampleContacts, type SampleContact } from './contacts';

const REQUEST_SIZE = 100;

/** What Herald is to make of a list, from the list alone: it is accepted in requests of a hundred. */
function kindsOf(list: readonly SampleContact[]) {
  const kinds = { withoutConsent: 0, optedOut: 0, invalid: 0, withoutValue: 0, repeated: 0, good: 0 };
  let seen = new Set<string>();
  list.forEach(({ contact }, index) => {
    if (index % REQUEST_SIZE === 0) seen = new Set();
    kinds[kindOf(contact, seen)] += 1;
    seen.add(contact.toContactId);
  });
  return kinds;
}

function kindOf({ optin, toContactId, contextItems }: SampleContact['contact'], seen: ReadonlySet<string>) {
  if (optin === undefined) return 'withoutConsent';
  if (!optin) return 'optedOut';
  if (parsePhoneNumberFromString(toContactId)?.isValid() !== true) return 'invalid';
  if (contextItems.OrderNumber === undefined) return 'withoutValue';
  return seen.has(toContactId) ? 'repeated' : 'good';
}

describe('sampleContacts', () => {
  const thousand = sampleContacts(1_000);

  it('makes the same list for the same size', () => {
    expect(thousand).toHaveLength(1_000);
    expect(sampleContacts(1_000)).toEqual(thousand);
  });

  it('is of people in 60 countries at least, each with a number of that country', () => {
    expect(new Set(thousand.map(({ country }) => country)).size).toBeGreaterThanOrEqual(60);
    const numbers = thousand.map(({ contact, country }) => ({
      country,
      number: parsePhoneNumberFromString(contact.toContactId),
    }));
    const foreign = numbers.filter(({ country, number }) => number?.isValid() === true && number.country !== country);
    // A repeated address is its neighbour's.
    expect(foreign.length).toBe(20);
  });

  it('has as many as it says that cannot or must not be sent to', () => {
    expect(kindsOf(thousand)).toEqual({
      ...{ withoutConsent: 5, optedOut: 30, invalid: 15, withoutValue: 5, repeated: 20, good: 925 },
    });
  });

  it('gives nobody who is good the number of somebody else', () => {
    const numbers = thousand.map(({ contact }) => contact.toContactId);
    const valid = numbers.filter((number) => parsePhoneNumberFromString(number)?.isValid() === true);
    expect(valid.length - new Set(valid).size).toBe(20);
  });

  it('refers to each contact by its place', () => {
    expect(thousand.map(({ contact }) => contact.clientReference)).toEqual(thousand.map((_, at) => `sample-${at}`));
  });

  it.each([0, 1, 7, 100, 2_500])('makes %d', (size) => {
    expect(sampleContacts(size)).toHaveLength(size);
  });
});
