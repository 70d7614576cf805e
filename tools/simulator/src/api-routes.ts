import { isOwnCredential, sidOf, type Account } from './accounts';
import { answerJson, answerProblem } from './exchange';
import type { Exchange, Route } from './exchange';
import { listMessages } from './list-messages';
import { isFinal, messageResource, rfc2822 } from './message';
import { problem } from './problems';
import type { Provider } from './provider';
import { sendMessage, visibleMessage } from './send-message';

const ACCOUNT = '/2010-04-01/Accounts/([^/]+)';

/** The routes of Twilio's API. Each asks who calls before it looks at anything. */
export function apiRoutes(provider: Provider): Route[] {
  const route = (method: string, pattern: string, handle: (account: Account, exchange: Exchange) => void): Route => ({
    method,
    pattern: new RegExp(`^${pattern}$`),
    handle: (exchange) => authenticated(provider, exchange, handle),
  });
  return [
    route('POST', `${ACCOUNT}/Messages\\.json`, (account, exchange) => sendMessage(provider, account, exchange)),
    route('GET', `${ACCOUNT}/Messages\\.json`, (account, exchange) =>
      answerJson(exchange, listMessages(provider, account, exchange)),
    ),
    route('GET', `${ACCOUNT}/Messages/([^/]+)\\.json`, (account, exchange) =>
      fetchMessage(provider, account, exchange),
    ),
    route('POST', `${ACCOUNT}/Messages/([^/]+)\\.json`, (account, exchange) =>
      updateMessage(provider, account, exchange),
    ),
    route('DELETE', `${ACCOUNT}/Messages/([^/]+)\\.json`, (account, exchange) =>
      deleteMessage(provider, account, exchange),
    ),
    route('GET', `${ACCOUNT}\\.json`, fetchAccount),
    route('GET', `${ACCOUNT}/IncomingPhoneNumbers\\.json`, listPhoneNumbers),
    route('GET', `${ACCOUNT}/SMS/ShortCodes\\.json`, listShortCodes),
    route('GET', '/v1/Services/(MG[^/]+)', fetchService),
  ];
}

type Handler = (account: Account, exchange: Exchange) => void;

/** A wrong credential, and one of another account, are both answered 401 before anything is looked up. */
function authenticated(provider: Provider, exchange: Exchange, handle: Handler): void {
  const account = provider.accounts.authenticate(exchange.request.headers.authorization);
  const [sid = ''] = exchange.groups;
  if (!account || (sid.startsWith('AC') && sid !== account.sid)) answerProblem(exchange, problem(20003));
  else if (!sid.startsWith('AC') && !sid.startsWith('MG')) answerProblem(exchange, problem(20404, exchange.path));
  else handle(account, exchange);
}

/** A standard API key may do everything but look at the account itself. */
function fetchAccount(account: Account, exchange: Exchange): void {
  if (isOwnCredential(account, exchange.request.headers.authorization)) answerJson(exchange, accountResource(account));
  else answerProblem(exchange, problem(20003));
}

function fetchMessage(provider: Provider, account: Account, exchange: Exchange): void {
  const message = visibleMessage(provider, account, exchange.groups[1] ?? '');
  if (message) answerJson(exchange, messageResource(message));
  else answerProblem(exchange, problem(20404, exchange.path));
}

/** `Status=canceled` cancels a scheduled message; an empty `Body` redacts a finished one. */
function updateMessage(provider: Provider, account: Account, exchange: Exchange): void {
  const message = visibleMessage(provider, account, exchange.groups[1] ?? '');
  if (!message) return answerProblem(exchange, problem(20404, exchange.path));
  const form = new URLSearchParams(exchange.body);
  const status = form.get('Status');
  if (status !== null) {
    if (status !== 'canceled') return answerProblem(exchange, problem(20001, 'Status'));
    if (message.status !== 'scheduled') return answerProblem(exchange, problem(30409));
    provider.lifeCycle.cancel(message);
  }
  const body = form.get('Body');
  if (body !== null) {
    if (body !== '') return answerProblem(exchange, problem(20001, 'Body'));
    if (!isFinal(message.status)) return answerProblem(exchange, problem(20009, 'redact this message'));
    provider.ledger.change(message, { kind: 'redacted', sid: message.receipt.sid });
  }
  answerJson(exchange, messageResource(message));
}

function deleteMessage(provider: Provider, account: Account, exchange: Exchange): void {
  const message = visibleMessage(provider, account, exchange.groups[1] ?? '');
  if (!message) return answerProblem(exchange, problem(20404, exchange.path));
  if (!isFinal(message.status)) return answerProblem(exchange, problem(20009, 'delete this message'));
  provider.ledger.change(message, { kind: 'deleted', sid: message.receipt.sid });
  exchange.response.writeHead(204).end();
}

function accountResource(account: Account): Record<string, unknown> {
  const uri = `/2010-04-01/Accounts/${account.sid}`;
  return {
    sid: account.sid,
    friendly_name: account.friendlyName,
    owner_account_sid: account.sid,
    auth_token: account.authToken,
    status: 'active',
    type: 'Full',
    date_created: rfc2822(account.createdAt),
    date_updated: rfc2822(account.createdAt),
    uri: `${uri}.json`,
    subresource_uris: {
      messages: `${uri}/Messages.json`,
      incoming_phone_numbers: `${uri}/IncomingPhoneNumbers.json`,
      sms_short_codes: `${uri}/SMS/ShortCodes.json`,
    },
  };
}

function listPhoneNumbers(account: Account, exchange: Exchange): void {
  const wanted = exchange.query.get('PhoneNumber');
  const uri = `/2010-04-01/Accounts/${account.sid}/IncomingPhoneNumbers`;
  const resources = account.phoneNumbers
    .filter((number) => wanted === null || number.includes(wanted.trim()))
    .map((number) => {
      const sid = sidOf('PN', number);
      return {
        ...senderResource(account, sid),
        phone_number: number,
        friendly_name: number,
        capabilities: { voice: false, sms: true, mms: true, fax: false },
        status: 'in-use',
        type: 'local',
        uri: `${uri}/${sid}.json`,
      };
    });
  answerJson(exchange, onePage('incoming_phone_numbers', `${uri}.json`, resources));
}

function listShortCodes(account: Account, exchange: Exchange): void {
  const wanted = exchange.query.get('ShortCode');
  const uri = `/2010-04-01/Accounts/${account.sid}/SMS/ShortCodes`;
  const resources = account.shortCodes
    .filter((code) => wanted === null || code.includes(wanted))
    .map((code) => {
      const sid = sidOf('SC', code);
      return { ...senderResource(account, sid), short_code: code, friendly_name: code, uri: `${uri}/${sid}.json` };
    });
  answerJson(exchange, onePage('short_codes', `${uri}.json`, resources));
}

function senderResource(account: Account, sid: string): Record<string, unknown> {
  const created = rfc2822(account.createdAt);
  return { sid, account_sid: account.sid, api_version: '2010-04-01', date_created: created, date_updated: created };
}

function onePage(name: string, uri: string, resources: readonly unknown[]): Record<string, unknown> {
  const pageSize = Math.max(50, resources.length);
  return {
    [name]: resources,
    page: 0,
    page_size: pageSize,
    start: 0,
    end: Math.max(0, resources.length - 1),
    uri,
    first_page_uri: uri,
    next_page_uri: null,
    previous_page_uri: null,
  };
}

function fetchService(account: Account, exchange: Exchange): void {
  const sid = exchange.groups[0] ?? '';
  if (account.messagingServices[sid] === undefined) return answerProblem(exchange, problem(20404, exchange.path));
  const created = account.createdAt.toISOString().replace(/\.\d+Z$/, 'Z');
  const url = `https://messaging.twilio.com/v1/Services/${sid}`;
  answerJson(exchange, {
    sid,
    account_sid: account.sid,
    friendly_name: `Service ${sid.slice(-4)}`,
    date_created: created,
    date_updated: created,
    inbound_request_url: null,
    inbound_method: 'POST',
    fallback_url: null,
    fallback_method: 'POST',
    status_callback: null,
    sticky_sender: true,
    mms_converter: true,
    smart_encoding: false,
    scan_message_content: 'inherit',
    fallback_to_long_code: false,
    area_code_geomatch: false,
    synchronous_validation: false,
    validity_period: 36_000,
    usecase: 'notifications',
    us_app_to_person_registered: false,
    use_inbound_webhook_on_number: false,
    url,
    links: { phone_numbers: `${url}/PhoneNumbers`, short_codes: `${url}/ShortCodes` },
  });
}
