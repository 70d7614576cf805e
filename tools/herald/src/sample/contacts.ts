import type { CountryCode } from 'libphonenumber-js';
import examples from 'libphonenumber-js/examples.mobile.json';
import { getExampleNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Contact } from '@herald/contracts/dispatch';
import { COUNTRIES, type Country } from './countries';

/** A contact of the sample, and the country it was made for. */
export interface SampleContact {
  contact: Contact;
  country: string;
}

/** How many of a list are not to be sent to, and why. */
interface Mix {
  optedOut: number;
  invalid: number;
  repeated: number;
  withoutConsent: number;
  withoutValue: number;
}

/** Of fewer there are numbers enough in every country. */
export const SAMPLE_CONTACTS_MAX = 100_000;

const MIX: Mix = { optedOut: 0.03, invalid: 0.015, repeated: 0.02, withoutConsent: 0.005, withoutValue: 0.005 };
const NAMES = [
  'Ana',
  'Luca',
  'Mei',
  'Omar',
  'Ines',
  'Noah',
  'Asha',
  'Yuki',
  'Ivan',
  'Zoe',
  'Amir',
  'Lena',
  'Kofi',
  'Sara',
  'Tomo',
  'Elif',
];
const INVALID_ADDRESSES = ['', '5550123', '+999123456789', 'nobody', '+1'];

/**
 * Makes a contact list of people in many countries, the same for the same size. Numbers are libphonenumber's own
 * examples, varied in their last digits as long as they stay valid; none of them is anybody's on purpose, and the
 * simulator sends nothing anywhere.
 */
export function sampleContacts(size: number): SampleContact[] {
  const numbers = new NumberMaker();
  const list: SampleContact[] = [];
  for (let index = 0; index < size; index += 1) {
    const country = COUNTRIES[index % COUNTRIES.length];
    if (!country) throw new Error('the sample has no countries');
    list.push({ country: country.code, contact: contactOf(index, country, numbers.next(country.code)) });
  }
  return spoil(list);
}

function contactOf(index: number, country: Country, toContactId: string): Contact {
  return {
    toContactId,
    channelId: 'SMS',
    optin: true,
    locale: country.locale,
    contextItems: { OrderNumber: `A-${1000 + index}`, DeliveryDate: `${1 + (index % 28)}/12` },
    entityRelationshipName: '',
    regardingObjectId: '',
    customerName: NAMES[index % NAMES.length] ?? '',
    caseName: '',
    showInTimeline: undefined,
    clientReference: `sample-${index}`,
    sendAsTemplate: false,
    templateParameters: {},
  };
}

/** Makes some contacts ones that must not or cannot be sent to, spread over the list. */
function spoil(list: SampleContact[]): SampleContact[] {
  const changes: [number, (contact: Contact, turn: number) => Partial<Contact>][] = [
    [MIX.optedOut, () => ({ optin: false })],
    [MIX.invalid, (_contact, turn) => ({ toContactId: INVALID_ADDRESSES[turn % INVALID_ADDRESSES.length] ?? '' })],
    [MIX.withoutConsent, () => ({ optin: undefined })],
    [MIX.withoutValue, (contact) => ({ contextItems: { DeliveryDate: contact.contextItems.DeliveryDate ?? '' } })],
  ];
  let start = 3;
  for (const [share, change] of changes) {
    const count = Math.round(share * list.length);
    for (let turn = 0; turn < count; turn += 1) {
      const entry = list[(start + Math.floor((turn * list.length) / count)) % list.length];
      if (entry) entry.contact = { ...entry.contact, ...change(entry.contact, turn) };
    }
    start += 7;
  }
  repeatAddresses(list, Math.round(MIX.repeated * list.length));
  return list;
}

/** Repeated within a request of a hundred: over several requests an address may get several messages. */
function repeatAddresses(list: readonly SampleContact[], count: number): void {
  const step = Math.floor(list.length / Math.max(count, 1));
  for (let turn = 0; turn < count; turn += 1) {
    const first = list[turn * step];
    const second = list[turn * step + 1];
    if (first && second) second.contact = { ...second.contact, toContactId: first.contact.toContactId };
  }
}

/** Makes numbers of a country, each once. */
class NumberMaker {
  readonly #made = new Map<string, number>();
  readonly #given = new Set<string>();

  next(country: string): string {
    const example = getExampleNumber(country as CountryCode, examples);
    if (!example) throw new Error(`libphonenumber has no example for ${country}`);
    for (;;) {
      const turn = this.#made.get(country) ?? 0;
      this.#made.set(country, turn + 1);
      const number = varied(example.number, turn);
      if (!this.#given.has(number) && parsePhoneNumberFromString(number)?.isValid() === true) {
        this.#given.add(number);
        return number;
      }
      if (turn > 100_000) throw new Error(`no more numbers for ${country}`);
    }
  }
}

/** Replaces the last four digits. A multiplier that shares no factor with 10,000 visits them all in a mixed order. */
function varied(number: string, turn: number): string {
  const last = (Number(number.slice(-4)) + turn * 7919) % 10_000;
  return number.slice(0, -4) + String(last).padStart(4, '0');
}
