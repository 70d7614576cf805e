import type { AccountAccess } from '../channel-adapter';
import { httpPool, type Exchange, type Limits, type HttpSettings } from '../exchange';

const TWILIO_URL = 'https://api.twilio.com';
const VERSION = '2010-04-01';

/** One request to the API of an account. */
export interface ApiRequest {
  method: 'GET' | 'POST';
  /** Below the account, such as `/Messages.json`; empty for the account itself. */
  path: string;
  form?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
}

/** Twilio's API, or that of servers like it. */
export interface TwilioHttp {
  exchange(access: AccountAccess, request: ApiRequest, limits?: Limits): Promise<Exchange>;
  close(): Promise<void>;
}

/** Opens a pool of connections to Twilio. */
export function twilioHttp(settings?: HttpSettings): TwilioHttp {
  const pool = httpPool(settings);
  return {
    close: () => pool.close(),
    exchange: async (access, { method, path: below, form, query }, limits) => {
      const { origin, root, headers, formHeaders } = entranceOf(access);
      const resource = below === '' ? `${root}.json` : `${root}${below}`;
      const path = query === undefined ? resource : `${resource}?${new URLSearchParams(query).toString()}`;
      if (form === undefined) return pool.exchange({ method, origin, path, headers }, limits);
      const body = formOf(form);
      return pool.exchange({ method, origin, path, headers: formHeaders, body }, limits);
    },
  };
}

/** Where an account is reached, and what each request to it says. */
interface Entrance {
  origin: string;
  /** The path of the account, without its ending. */
  root: string;
  headers: Readonly<Record<string, string>>;
  formHeaders: Readonly<Record<string, string>>;
}

/** A URL and a header for each message would cost more than to read its answer; who has the credentials keeps them for seconds. */
const entrances = new WeakMap<AccountAccess, Entrance>();

function entranceOf(access: AccountAccess): Entrance {
  const known = entrances.get(access);
  if (known) return known;
  const { accountId, apiBaseUrl } = access;
  const base = apiBaseUrl === '' ? TWILIO_URL : apiBaseUrl.replace(/\/+$/, '');
  const { origin, pathname } = new URL(`${base}/${VERSION}/Accounts/${encodeURIComponent(accountId)}`);
  const headers = { authorization: basic(access), accept: 'application/json', 'user-agent': 'herald' };
  const formHeaders = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
  const entrance = { origin, root: pathname, headers, formHeaders };
  entrances.set(access, entrance);
  return entrance;
}

/** Half of what URLSearchParams takes, which for a message is as long as to read its answer. */
function formOf(fields: Readonly<Record<string, string>>): string {
  let form = '';
  for (const name in fields) {
    form += `${form === '' ? '' : '&'}${name}=${encodeURIComponent((fields[name] ?? '').toWellFormed())}`;
  }
  return form;
}

function basic({ accountId, apiKeySid, secret }: AccountAccess): string {
  return `Basic ${Buffer.from(`${apiKeySid ?? accountId}:${secret}`).toString('base64')}`;
}
