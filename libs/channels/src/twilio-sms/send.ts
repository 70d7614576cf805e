import type { AccountAccess, OutgoingMessage, SendOutcome } from '../channel-adapter';
import type { Exchange } from '../exchange';
import { rankOfTaken } from '../ranks';
import { CREDENTIALS_RETRY_MS, errorCodeOf, fieldsOf } from './answer';
import { isAboutTheMessage, messageReasonOf } from './error-codes';
import type { TwilioHttp } from './http';
import { isMessagingService } from './messaging-service';

const MESSAGE_SID = /^(SM|MM)[0-9a-f]{32}$/i;
/** Nothing was taken; the network or the limit may be better by then. */
const CONNECT_RETRY_MS = 2_000;
const THROTTLED_RETRY_MS = 1_000;
const TOO_LATE_RETRY_MS = 1_000;
const TOO_MANY_REQUESTS = '20429';
/** Wrong credentials, an account that is closed, one that is not there: the path of a send names nothing else. */
const ACCOUNT_CODES: ReadonlySet<string> = new Set(['20003', '20005', '20404']);

/** Sends one message, and says what became of it. */
export async function sendMessage(
  http: TwilioHttp,
  message: OutgoingMessage,
  access: AccountAccess,
  mayLeave: () => boolean,
): Promise<SendOutcome> {
  const sender = isMessagingService(message.from) ? { MessagingServiceSid: message.from } : { From: message.from };
  const form = {
    To: message.to,
    ...sender,
    Body: message.body,
    StatusCallback: message.statusCallbackUrl,
    ValidityPeriod: String(message.validForSeconds),
  };
  const request = { method: 'POST', path: '/Messages.json', form } as const;
  return outcomeOf(await http.exchange(access, request, { mayLeave }));
}

function outcomeOf(exchange: Exchange): SendOutcome {
  switch (exchange.kind) {
    case 'answer':
      return outcomeOfAnswer(exchange);
    case 'not_left':
      return exchange.why === 'too_late'
        ? { kind: 'not_sent', retryAfterMs: TOO_LATE_RETRY_MS, reason: 'SEND_WINDOW_MISSED' }
        : { kind: 'not_sent', retryAfterMs: CONNECT_RETRY_MS, reason: 'CONNECTION_FAILED' };
    case 'lost':
      return { kind: 'unknown', reason: exchange.why === 'timeout' ? 'RESPONSE_TIMEOUT' : 'CONNECTION_RESET' };
  }
}

function outcomeOfAnswer({ status, retryAfterMs, body }: Extract<Exchange, { kind: 'answer' }>): SendOutcome {
  const family = Math.floor(status / 100);
  if (family === 2) return accepted(body);
  // A time-out of the provider's own says no more than a 5xx: the message may have been taken before it.
  if (family !== 4 || status === 408) return { kind: 'unknown', reason: 'PROVIDER_ERROR' };
  const code = errorCodeOf(body) ?? '';
  if (status === 429 || code === TOO_MANY_REQUESTS) {
    return { kind: 'not_sent', retryAfterMs: retryAfterMs ?? THROTTLED_RETRY_MS, reason: 'THROTTLED' };
  }
  if (isAboutTheAccount(status, code)) {
    return { kind: 'not_sent', retryAfterMs: CREDENTIALS_RETRY_MS, reason: 'ACCOUNT_AUTHENTICATION_FAILED' };
  }
  return { kind: 'refused', code: code || `HTTP_${status}`, reason: messageReasonOf(code) ?? 'PROVIDER_REFUSED' };
}

/** Such an answer says nothing against the message, which can go when the account is mended. */
function isAboutTheAccount(status: number, code: string): boolean {
  return ACCOUNT_CODES.has(code) || ((status === 401 || status === 403) && !isAboutTheMessage(code));
}

function accepted(body: unknown): SendOutcome {
  const { sid, status } = fieldsOf(body);
  if (typeof sid !== 'string' || !MESSAGE_SID.test(sid)) return { kind: 'unknown', reason: 'RESPONSE_UNREADABLE' };
  const word = typeof status === 'string' ? status : 'accepted';
  return { kind: 'accepted', providerId: sid, status: word, rank: rankOfTaken(word) };
}
