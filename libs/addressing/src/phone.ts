import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** A phone number in E.164 with the country it belongs to, if it is one country's; or why the text is none. */
export type PhoneAddress =
  | {
      readonly kind: 'phone';
      readonly e164: string;
      readonly country: string | undefined;
      readonly isTollFree: boolean;
    }
  | { readonly kind: 'invalid'; readonly why: 'not-international' | 'not-a-number' | 'not-assigned' };

/** The longest text looked at: E.164 has 15 digits, and people put spaces and brackets between them. */
const TEXT_LENGTH_MAX = 40;
/** What people put between digits. Letters are none: a vanity number is not what a list means. */
const BETWEEN_DIGITS = /[\s().\-\u2010-\u2015\u2212/]/g;
/** What address books put around a number so that it reads from left to right; it comes along when copied. */
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]/g;
const INTERNATIONAL = /^\+\d{4,15}$/;

/**
 * Reads an international phone number: `+` and the country's code, with whatever people put between digits. A number
 * without `+` is refused, with `00` as well: which country it is dialled from would be a guess, and a guess may reach a
 * stranger. It must be in a range that is assigned to somebody, as libphonenumber knows them.
 */
export function normalisePhone(text: string): PhoneAddress {
  const known = phones.get(text);
  if (known) return known;
  // Before anything is kept, so that the memory of what was read has a bound in bytes too.
  if (text.length > TEXT_LENGTH_MAX) return { kind: 'invalid', why: 'not-a-number' };
  const phone = readPhone(text);
  if (phones.size >= PHONES_MAX) phones.clear();
  phones.set(text, phone);
  return phone;
}

/** Reading takes 20 µs, and lists of a day repeat themselves. What was read never changes, so it is only faster. */
const phones = new Map<string, PhoneAddress>();
const PHONES_MAX = 10_000;

function readPhone(text: string): PhoneAddress {
  const digits = text.replace(INVISIBLE, '').replace(BETWEEN_DIGITS, '');
  if (!INTERNATIONAL.test(digits)) {
    return { kind: 'invalid', why: /^\d+$/.test(digits) ? 'not-international' : 'not-a-number' };
  }
  const parsed = parsePhoneNumberFromString(digits);
  // Validity is asked by way of the type, which is wanted anyway: asking for both takes half as long again.
  const type = parsed?.getType();
  if (!parsed || (type === undefined && !parsed.isValid())) return { kind: 'invalid', why: 'not-assigned' };
  return { kind: 'phone', e164: parsed.number, country: parsed.country, isTollFree: type === 'TOLL_FREE' };
}
