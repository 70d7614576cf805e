import { normaliseSender } from '@herald/addressing';
import type { AccountAccess, Validation } from '../channel-adapter';
import type { Exchange } from '../exchange';
import { errorCodeOf, fieldsOf } from './answer';
import type { ApiRequest, TwilioHttp } from './http';

const RETRY_MS = 5_000;
/** A status as Twilio writes it; another server's may be any text, and the code is stored and shown. */
const ACCOUNT_STATUS = /^\w{1,40}$/;

/**
 * Asks for the account itself, which tells whether it was closed. With an API key it asks for a message instead: a
 * standard key may do everything but look at accounts (https://www.twilio.com/docs/iam/api-keys/keys-in-console).
 */
export async function validateAccount(
  http: TwilioHttp,
  access: AccountAccess,
  signal: AbortSignal,
): Promise<Validation> {
  const path = access.apiKeySid === undefined ? '' : '/Messages.json';
  const query = access.apiKeySid === undefined ? {} : { query: { PageSize: '1' } };
  const exchange = await http.exchange(access, { method: 'GET', path, ...query }, { signal });
  return judge(exchange, ({ status }) => {
    if (status === 'active' || typeof status !== 'string') return { kind: 'valid' };
    const word = ACCOUNT_STATUS.test(status) ? status.toUpperCase() : 'NOT_ACTIVE';
    return { kind: 'invalid', code: `ACCOUNT_${word}` };
  });
}

/**
 * Asks whether the account has the sender: a number or short code must be in its list. A name is registered nowhere
 * that the API would tell, so that good credentials must do; a messaging service is answered by another host, and is
 * believed until the first send.
 */
export async function validateSender(
  http: TwilioHttp,
  { sender, access }: { sender: string; access: AccountAccess },
  signal: AbortSignal,
): Promise<Validation> {
  const known = normaliseSender(sender);
  if (known.kind === 'invalid') return { kind: 'invalid', code: 'SENDER_MALFORMED' };
  const lookUp = LISTS[known.kind];
  if (lookUp === undefined) return validateAccount(http, access, signal);
  const exchange = await http.exchange(access, lookUp(known.address), { signal });
  return judge(exchange, (fields) => {
    // The question is a pattern to Twilio: 12345 also finds 123456.
    const listed = Object.values(fields).flatMap((list): unknown[] => (Array.isArray(list) ? list : []));
    const isOwned = listed.some((entry) => Object.values(fieldsOf(entry)).includes(known.address));
    return isOwned ? { kind: 'valid' } : { kind: 'invalid', code: 'SENDER_NOT_OWNED' };
  });
}

const ownNumbers = (sender: string): ApiRequest => ({
  method: 'GET',
  path: '/IncomingPhoneNumbers.json',
  query: { PhoneNumber: sender },
});

const LISTS: Partial<Record<string, (sender: string) => ApiRequest>> = {
  'long-code': ownNumbers,
  'toll-free': ownNumbers,
  'short-code': (sender) => ({ method: 'GET', path: '/SMS/ShortCodes.json', query: { ShortCode: sender } }),
};

function judge(exchange: Exchange, read: (fields: Record<string, unknown>) => Validation): Validation {
  if (exchange.kind !== 'answer') return { kind: 'unavailable', retryAfterMs: RETRY_MS };
  const { status, body, retryAfterMs } = exchange;
  const isReadable = typeof body === 'object' && body !== null;
  if (status >= 200 && status < 300 && isReadable) return read(fieldsOf(body));
  if (status < 300 || status === 408 || status === 429 || status >= 500) {
    return { kind: 'unavailable', retryAfterMs: retryAfterMs ?? RETRY_MS };
  }
  return { kind: 'invalid', code: errorCodeOf(body) ?? `HTTP_${status}` };
}
