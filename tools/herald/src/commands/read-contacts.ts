import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { Contact } from '@herald/contracts/dispatch';
import { AdviceError } from '../advice-error';

/** The fields of a contact by the names that lists give them; 2020 printed `option` for `optin` once. */
const FIELDS: ReadonlyMap<string, TextField | FlagField | ItemsField> = new Map([
  ['tocontactid', 'toContactId'],
  ['channelid', 'channelId'],
  ['optin', 'optin'],
  ['option', 'optin'],
  ['locale', 'locale'],
  ['contextitems', 'contextItems'],
  ['entityrelationshipname', 'entityRelationshipName'],
  ['regardingobjectid', 'regardingObjectId'],
  ['customername', 'customerName'],
  ['casename', 'caseName'],
  ['showintimeline', 'showInTimeline'],
  ['clientreference', 'clientReference'],
  ['sendastemplate', 'sendAsTemplate'],
  ['templateparameters', 'templateParameters'],
] as const);
type FlagField = 'optin' | 'showInTimeline' | 'sendAsTemplate';
type ItemsField = 'contextItems' | 'templateParameters';
type TextField =
  | 'toContactId'
  | 'channelId'
  | 'locale'
  | 'entityRelationshipName'
  | 'regardingObjectId'
  | 'customerName'
  | 'caseName'
  | 'clientReference';

/** Reads a contact list from a file, or from standard input for `-`. Throws AdviceError that names the line at fault. */
export async function readContacts(file: string): Promise<Contact[]> {
  const text = await (file === '-' ? readAll(process.stdin) : readFile(file, 'utf8')).catch(
    (error: NodeJS.ErrnoException) => {
      throw new AdviceError(
        `${file} cannot be read (${error.code ?? error.message}). Name a CSV or JSON file, or - for standard input.`,
      );
    },
  );
  const contacts = contactsOf(text);
  if (contacts.length === 0)
    throw new AdviceError(`${file} holds no contacts. A CSV list has a line for each, after the header.`);
  return contacts;
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Reads a list in one of the documented forms: a JSON array, the body of the documented action with its list inside, or
 * CSV with a header. Columns of CSV that are no field of a contact are context items. Throws AdviceError that names the
 * line at fault, or in JSON the contact.
 */
export function contactsOf(text: string): Contact[] {
  const trimmed = text.trimStart();
  const rows = trimmed.startsWith('[') || trimmed.startsWith('{') ? rowsOfJson(trimmed) : rowsOfCsv(text);
  return rows.map(contactOf);
}

interface Row {
  values: Readonly<Record<string, unknown>>;
  /** Where it stands in the list, as an error names it. */
  place: string;
}

function rowsOfJson(text: string): Row[] {
  const parsed = parsedJson(text);
  const list = Array.isArray(parsed) ? (parsed as unknown[]) : listInside(parsed);
  if (!Array.isArray(list)) {
    if (typeof list === 'string') return rowsOfJson(list);
    throw new AdviceError('The list is neither an array of contacts nor an object with a ContactList. Make it one.');
  }
  return list.map((values: unknown, index) => {
    const place = `Contact ${index + 1}`;
    if (isObject(values)) return { values, place };
    throw new AdviceError(`${place} is no object. Write it as {"tocontactid": …, "optin": …}.`);
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? '' : ` Line ${text.slice(0, Number(position)).split('\n').length}.`;
    throw new AdviceError(`The list is no JSON: ${message}.${line} Correct it there.`);
  }
}

/** The action's body carries the list as an array, or as its text. */
function listInside(body: unknown): unknown {
  if (!isObject(body)) return undefined;
  return Object.entries(body).find(([name]) => name.toLowerCase() === 'contactlist')?.[1];
}

function rowsOfCsv(text: string): Row[] {
  const [header = ''] = text.split('\n', 1);
  // Spreadsheets write semicolons where the comma is the decimal mark.
  const delimiter = header.includes(';') && !header.includes(',') ? ';' : ',';
  try {
    const rows: { record: Record<string, string>; info: { lines: number } }[] = parse(text, {
      ...{ columns: checkedHeader, bom: true, skip_empty_lines: true, trim: true, info: true, delimiter },
    });
    return rows.map(({ record, info }) => ({ values: record, place: `Line ${info.lines}` }));
  } catch (error) {
    if (error instanceof AdviceError) throw error;
    throw new AdviceError(`The list is no CSV: ${(error as Error).message}. Correct that line.`);
  }
}

/**
 * A list without addresses is another file than was meant; of two columns of one name a value would be lost. Columns
 * without a name are what spreadsheets leave at the margin.
 */
function checkedHeader(header: string[]): (string | false)[] {
  const fields = header.map((name) => fieldOf(name) ?? name);
  const twice = header.find((name, index) => name !== '' && fields.indexOf(fields[index] ?? '') !== index);
  if (twice !== undefined) throw new AdviceError(`Line 1: the column ${twice} is there twice. Remove or rename one.`);
  if (fields.includes('toContactId')) return header.map((name) => name !== '' && name);
  throw new AdviceError(
    `Line 1: there is no column tocontactid for the address. The columns are ${header.join(' | ').slice(0, 200)}.`,
  );
}

function contactOf({ values, place }: Row): Contact {
  const contact = Contact.fromPartial({});
  const fields = new Set<string>();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === '') continue;
    const field = fieldOf(name) ?? name;
    const fault = fields.has(field)
      ? `${name.trim()} is there twice. Remove one`
      : setField(contact, name.trim(), value);
    fields.add(field);
    if (fault !== undefined) throw new AdviceError(`${place}: ${fault}.`);
  }
  return contact;
}

/** Case and underscores do not matter: the names of the contract are good as well. */
function fieldOf(name: string) {
  return FIELDS.get(name.trim().toLowerCase().replaceAll('_', ''));
}

/** Sets what a column or a property says; returns what is wrong with it, and what to do. */
function setField(contact: Contact, name: string, value: unknown): string | undefined {
  const field = fieldOf(name);
  if (field === undefined) return addItems(contact.contextItems, { [name]: textOf(value) });
  // What is neither yes nor no is no consent. It is that contact's fault alone, and Herald refuses it.
  if (field === 'optin') contact.optin = flagOf(value);
  else if (field === 'showInTimeline' || field === 'sendAsTemplate') {
    const flag = flagOf(value);
    if (flag === undefined) return `${name} is neither true nor false. Write one of them`;
    contact[field] = flag;
  } else if (field === 'contextItems' || field === 'templateParameters') {
    const items = itemsOf(value);
    if (items === undefined) return `${name} is no JSON object. Write it as {"OrderNumber": "A-1009"}`;
    return addItems(contact[field], items);
  } else contact[field] = textOf(value);
  return undefined;
}

/** On the wire a name has one value; which of two was meant nobody can tell. */
function addItems(into: Record<string, string>, items: Readonly<Record<string, string>>): string | undefined {
  const twice = Object.keys(items).find((item) => Object.hasOwn(into, item) && into[item] !== items[item]);
  if (twice !== undefined) return `${twice} has two values, one of its own and one in contextitems. Remove one`;
  Object.assign(into, items);
  return undefined;
}

/** Low-code tools turn booleans into text. */
function flagOf(value: unknown): boolean | undefined {
  const text = textOf(value).trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** An item that is null was left empty; as text it would read "null". */
function itemsOf(value: unknown): Record<string, string> | undefined {
  let items = value;
  if (typeof items === 'string') {
    try {
      items = JSON.parse(items);
    } catch {
      return undefined;
    }
  }
  if (!isObject(items)) return undefined;
  const given = Object.entries(items).filter(([, item]) => item !== null);
  return Object.fromEntries(given.map(([name, item]) => [name, textOf(item)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
