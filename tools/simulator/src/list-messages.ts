import type { Account } from './accounts';
import type { Exchange } from './exchange';
import { messageResource } from './message';
import type { Message } from './message';
import type { Provider } from './provider';

const PAGE_SIZE = 50;
const PAGE_SIZE_MAX = 1000;

/**
 * A page of the account's messages, newest first, by `To`, `From` and `DateSent` (a day or an instant; `DateSent<` and `DateSent>` include
 * their bound, as Twilio's do). A message not sent yet counts by the time it was created. A page token names the last message of the
 * page before, so that new messages do not shift the pages.
 */
export function listMessages(provider: Provider, account: Account, { path, query }: Exchange): Record<string, unknown> {
  const pageSize = Math.min(wholeNumber(query, 'PageSize') || PAGE_SIZE, PAGE_SIZE_MAX);
  const page = wholeNumber(query, 'Page');
  // One more than is shown tells whether there is a next page.
  const found = messagesBefore(provider, query.get('PageToken'), matcher(account, query), pageSize + 1);
  const shown = found.slice(0, pageSize);
  const last = found.length > pageSize ? shown.at(-1) : undefined;
  const uriOf = (number: number, token: string | null) =>
    pageUri(path, query, { PageSize: String(pageSize), Page: String(number), PageToken: token });
  return {
    messages: shown.map(messageResource),
    page,
    page_size: pageSize,
    start: page * pageSize,
    end: page * pageSize + Math.max(0, shown.length - 1),
    uri: uriOf(page, query.get('PageToken')),
    first_page_uri: uriOf(0, null),
    next_page_uri: last ? uriOf(page + 1, `PA${last.receipt.sid}`) : null,
    previous_page_uri: null,
  };
}

type Matcher = (message: Message) => boolean;

function messagesBefore({ ledger }: Provider, token: string | null, matches: Matcher, count: number): Message[] {
  const found: Message[] = [];
  let position = ledger.position(token?.slice(2) ?? '') ?? ledger.messages.length;
  while (position > 0 && found.length < count) {
    position -= 1;
    const message = ledger.messages[position];
    if (message && matches(message)) found.push(message);
  }
  return found;
}

function wholeNumber(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name));
  return Number.isInteger(value) && value > 0 ? value : 0;
}

function matcher(account: Account, query: URLSearchParams): Matcher {
  const to = query.get('To');
  const from = query.get('From');
  const sentWithin = dateFilter(query);
  return (message) =>
    message.receipt.accountSid === account.sid &&
    !message.deleted &&
    (to === null || message.receipt.to === to) &&
    (from === null || message.from === from) &&
    sentWithin(message);
}

const DAY_MS = 24 * 3600 * 1000;

function dateFilter(query: URLSearchParams): Matcher {
  const on = interval(query.get('DateSent'));
  const before = interval(query.get('DateSent<'));
  const after = interval(query.get('DateSent>'));
  const from = Math.max(on?.start ?? -Infinity, after?.start ?? -Infinity);
  const until = Math.min(on?.end ?? Infinity, before?.end ?? Infinity);
  return (message) => {
    const at = (message.sentAt ?? new Date(message.receipt.acceptedAt)).getTime();
    return at >= from && at < until;
  };
}

/** The whole day of a date, the whole second of an instant. */
function interval(text: string | null): { start: number; end: number } | undefined {
  const start = text === null ? Number.NaN : Date.parse(text);
  if (text === null || Number.isNaN(start)) return undefined;
  return { start, end: start + (text.length <= 10 ? DAY_MS : 1000) };
}

function pageUri(path: string, query: URLSearchParams, changes: Record<string, string | null>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  return `${path}?${next.toString()}`;
}
