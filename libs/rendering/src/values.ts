import { keyOf } from './slugs';

/** Where the values of a contact's slugs stand. */
export interface ValueSource {
  contextItems: Readonly<Record<string, string>>;
  customerName: string;
  caseName: string;
}

/** Values by slug, or the key that was given two different values. */
export type Values = { kind: 'values'; values: ReadonlyMap<string, string> } | { kind: 'conflict'; key: string };

/** Anything of what follows; most values have none of it. */
// eslint-disable-next-line no-control-regex -- control characters are what this pattern is to find
const UNCLEAN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
/** Everything that ends a line, somewhere: it becomes the one line feed that SMS knows. */
const LINE_END = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;
/** What is left of control characters, and what turns the direction of text around. */
// eslint-disable-next-line no-control-regex -- control characters are what this pattern is to find
const NOT_TEXT = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A value as it goes into a text. Control characters and what turns the direction of text belong in no name or number,
 * and can make a message say something else than it seems to; a tab is a space to a phone. Joiners stay: scripts need
 * them.
 */
function cleaned(value: string): string {
  if (!UNCLEAN.test(value)) return value;
  return value.replace(LINE_END, '\n').replaceAll('\t', ' ').replace(NOT_TEXT, '');
}

/**
 * Gathers the values of a contact: the context items, and the fields for the customer's and the case's name. Keys that
 * differ only in case are one; one key with two different values is a conflict, which is the contact's error. Parts of
 * the customer's name follow from the whole unless they were given.
 */
export function assembleValues(source: ValueSource): Values {
  const values = new Map<string, string>();
  const given: [string, string][] = [...Object.entries(source.contextItems)];
  if (source.customerName !== '') given.push(['CustomerName', source.customerName]);
  if (source.caseName !== '') given.push(['CaseName', source.caseName]);
  for (const [name, written] of given) {
    const key = keyOf(name);
    const value = cleaned(written);
    const known = values.get(key);
    if (known !== undefined && known !== value) return { kind: 'conflict', key: name };
    values.set(key, value);
  }
  const customerName = values.get('customername')?.trim();
  if (customerName) {
    for (const [key, value] of partsOfName(customerName)) if (!values.has(key)) values.set(key, value);
  }
  return { kind: 'values', values };
}

/** The first word counts as the first name and the last as the last: the best that can be done with a whole name. */
function partsOfName(name: string): [string, string][] {
  const words = name.split(/\s+/);
  return [
    ['fullname{customer}', name],
    ['firstname{customer}', words[0] ?? name],
    ['lastname{customer}', words[words.length - 1] ?? name],
  ];
}
