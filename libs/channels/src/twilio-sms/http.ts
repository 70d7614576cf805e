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
    exchange: async (access, { method, path, form, query }, limits) => {
      const url = urlOf(access, path, query);
      const headers = { authorization: basic(access), accept: 'application/json', 'user-agent': 'herald' };
      if (form === undefined) return pool.exchange({ method, url, headers }, limits);
      const body = new URLSearchParams(form).toString();
      return pool.exchange({ method, url, headers: { ...headers, ...FORM }, body }, limits);
    },
  };
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

function urlOf({ accountId, apiBaseUrl }: AccountAccess, path: string, query: ApiRequest['query']): URL {
  const base = apiBaseUrl === '' ? TWILIO_URL : apiBaseUrl.replace(/\/+$/, '');
  const account = `${base}/${VERSION}/Accounts/${encodeURIComponent(accountId)}`;
  const url = path === '' ? `${account}.json` : `${account}${path}`;
  return new URL(query === undefined ? url : `${url}?${new URLSearchParams(query).toString()}`);
}

function basic({ accountId, apiKeySid, secret }: AccountAccess): string {
  return `Basic ${Buffer.from(`${apiKeySid ?? accountId}:${secret}`).toString('base64')}`;
}
