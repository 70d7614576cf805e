import type { AccountAccess, Finding, LookUp, SoughtMessage, StatusReport } from '../channel-adapter';
import type { Exchange } from '../exchange';
import { CREDENTIALS_RETRY_MS, errorCodeOf, fieldsOf } from './answer';
import type { TwilioHttp } from './http';
import { isMessagingService } from './messaging-service';

const RETRY_MS = 5_000;
/** A thousand messages to one number since one day: what is longer is not read to its end. */
const PAGE_SIZE = 50;
const PAGES_MAX = 20;
/** Fifty messages of 1,600 characters that JSON writes in six bytes each, with what stands around them. */
const PAGE_BYTES_MAX = 1024 * 1024;
const DAY = 'YYYY-MM-DD'.length;

/** Asks for one message by its id. */
export async function lookUpMessage(
  http: TwilioHttp,
  { providerId, access }: { providerId: string; access: AccountAccess },
  signal: AbortSignal,
): Promise<LookUp> {
  const path = `/Messages/${encodeURIComponent(providerId)}.json`;
  const exchange = await http.exchange(access, { method: 'GET', path }, { signal });
  if (exchange.kind === 'answer' && exchange.status === 404) return { kind: 'not_there' };
  const report = isGood(exchange) ? reportOf(exchange.body) : undefined;
  // A server that answers about another message was not understood.
  return report?.providerId === providerId ? { kind: 'report', report } : unavailable(exchange);
}

/**
 * Reads the account's list of messages to the number, from the sender, since the day, page by page, and keeps those
 * with the text and within the time. A messaging service is no filter of the list: then the recipient alone is, and the
 * service is compared. Times of the list are whole seconds, so that the first second counts whole.
 */
export async function findMessages(
  http: TwilioHttp,
  { sought, access }: { sought: SoughtMessage; access: AccountAccess },
  signal: AbortSignal,
): Promise<Finding> {
  const filters: Record<string, string> = {
    To: sought.to,
    ...(isMessagingService(sought.from) ? {} : { From: sought.from }),
    'DateSent>': `${sought.sentAfter.toISOString().slice(0, DAY)}T00:00:00Z`,
    PageSize: String(PAGE_SIZE),
  };
  const candidates: StatusReport[] = [];
  let query: Record<string, string> | undefined = filters;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const request = { method: 'GET', path: '/Messages.json', query } as const;
    const exchange: Exchange = await http.exchange(access, request, { signal, answerBytesMax: PAGE_BYTES_MAX });
    const read = isGood(exchange) ? readPage(exchange.body) : undefined;
    if (!read) return unavailable(exchange);
    candidates.push(
      ...read.messages.filter((message) => isIt(message, sought)).flatMap((each) => reportOf(each) ?? []),
    );
    query = read.next;
    if (query === undefined) return { kind: 'found', candidates, isComplete: true };
  }
  return { kind: 'found', candidates, isComplete: false };
}

type Answer = Extract<Exchange, { kind: 'answer' }>;

function isGood(exchange: Exchange): exchange is Answer {
  return exchange.kind === 'answer' && exchange.status >= 200 && exchange.status < 300;
}

/** Whatever is no clear answer is none: a refusal says nothing about a message, and a message is not given up by guess. */
function unavailable(exchange: Exchange): { kind: 'unavailable'; retryAfterMs: number } {
  if (exchange.kind !== 'answer') return { kind: 'unavailable', retryAfterMs: RETRY_MS };
  const isRefused = exchange.status === 401 || exchange.status === 403;
  return {
    kind: 'unavailable',
    retryAfterMs: exchange.retryAfterMs ?? (isRefused ? CREDENTIALS_RETRY_MS : RETRY_MS),
  };
}

/** The messages of a page and the query of the next; undefined for what is no page. */
function readPage(body: unknown): { messages: unknown[]; next: Record<string, string> | undefined } | undefined {
  const { messages, next_page_uri: next } = fieldsOf(body);
  if (!Array.isArray(messages)) return undefined;
  if (typeof next !== 'string') return { messages, next: undefined };
  // Only the query is taken: the credentials go to the host of the account, whatever an answer names.
  return { messages, next: Object.fromEntries(new URLSearchParams(next.slice(next.indexOf('?') + 1))) };
}

function isIt(message: unknown, sought: SoughtMessage): boolean {
  const { to, from, body, direction, date_created: created, messaging_service_sid: service } = fieldsOf(message);
  const isOurs = isMessagingService(sought.from) ? service === sought.from : from === sought.from;
  if (!isOurs || to !== sought.to || body !== sought.body || direction === 'inbound') return false;
  const at = typeof created === 'string' ? Date.parse(created) : NaN;
  // One without a time may be it, and so it keeps the search from ending in "not there".
  return Number.isNaN(at) || (at >= Math.floor(sought.sentAfter.getTime() / 1000) * 1000 && at < +sought.sentBefore);
}

/** What a message says of itself; undefined where it names no id or no status. */
function reportOf(message: unknown): StatusReport | undefined {
  const { sid, status, account_sid: accountId, error_code: code } = fieldsOf(message);
  if (typeof sid !== 'string' || typeof status !== 'string') return undefined;
  return {
    accountId: typeof accountId === 'string' ? accountId : '',
    providerId: sid,
    status,
    errorCode: errorCodeOf({ code }) ?? '',
  };
}
