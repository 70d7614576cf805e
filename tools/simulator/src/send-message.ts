import { createHash, randomBytes } from 'node:crypto';
import type { Account } from './accounts';
import { checkMessage, isProblem } from './check-message';
import type { CheckedMessage } from './check-message';
import { delayWithin } from './chance';
import { answer, answerProblem } from './exchange';
import type { Exchange } from './exchange';
import { chooseRequestFault, strikes } from './faults';
import type { RequestFault } from './faults';
import { messageResource } from './message';
import type { Message, MessageStatus, Receipt } from './message';
import { problem } from './problems';
import type { Provider } from './provider';

/**
 * POST Messages.json. Modes and moves: the request is counted and its faults are chosen; it may wait (`slow`); it may end before
 * acceptance (`429`, `500`, `reset`, `blackhole`, a refusal); its receipt is written; only then is the message in the ledger, on its way
 * and answered – or not answered (`drop`, `half`, `hang`).
 */
export function sendMessage(provider: Provider, account: Account, exchange: Exchange): void {
  const form = new URLSearchParams(exchange.body);
  const to = form.get('To')?.trim() ?? '';
  const occurrence = provider.occurrences.next(to);
  const { faults, seed } = provider.behaviour;
  const key = `${to}|${occurrence}`;
  const fault = chooseRequestFault(faults, seed, key);
  const slow = strikes(faults, 'slow', seed, key);
  const act = () => acceptOrRefuse(provider, { account, exchange, form, occurrence, fault });
  if (slow) provider.timers.after(delayWithin(slow.span, seed, `slow|${key}`), act);
  else act();
}

interface Attempt {
  account: Account;
  exchange: Exchange;
  form: URLSearchParams;
  occurrence: number;
  fault: RequestFault | undefined;
}

function acceptOrRefuse(provider: Provider, attempt: Attempt): void {
  const { account, exchange, form, occurrence, fault } = attempt;
  if (fault === 'reset') return void exchange.request.socket.resetAndDestroy();
  if (fault === 'blackhole') return;
  if (fault === '429') return answerProblem(exchange, problem(20429));
  if (fault === '500') return answerProblem(exchange, problem(20500));
  const hasOptedOut = (from: string, to: string) => provider.optOuts.has(`${from}|${to}`);
  const checked = checkMessage(form, { account, now: new Date(), hasOptedOut });
  if (isProblem(checked)) return answerProblem(exchange, checked);
  provider.ledger.accept(receiptOf(checked, account, occurrence), (result) => {
    if (result instanceof Error) return answerProblem(exchange, problem(20500));
    // The answer shows the first status: it is made before the message can move.
    const json = JSON.stringify(messageResource(result));
    provider.lifeCycle.start(result);
    answerOrNot(exchange, fault, json);
  });
}

function answerOrNot(exchange: Exchange, fault: RequestFault | undefined, json: string): void {
  const { request, response } = exchange;
  if (fault === 'hang') return;
  if (fault === 'drop') return void request.socket.destroy();
  if (fault !== 'half') return answer(exchange, 201, json);
  response.writeHead(201, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(json),
  });
  response.write(json.slice(0, json.length / 2), () => request.socket.destroy());
}

function receiptOf(checked: CheckedMessage, account: Account, occurrence: number): Receipt {
  const { to, from, messagingServiceSid, body, mediaUrls, statusCallback, sendAt } = checked;
  return {
    sid: newSid(mediaUrls.length > 0 ? 'MM' : 'SM'),
    accountSid: account.sid,
    to,
    from,
    messagingServiceSid,
    body,
    bodyHash: createHash('sha256').update(body).digest('hex'),
    mediaUrls,
    statusCallback,
    ...idsOf(statusCallback),
    occurrence,
    direction: 'outbound-api',
    initialStatus: initialStatus(checked),
    sendAt: sendAt?.toISOString() ?? null,
    acceptedAt: new Date().toISOString(),
  };
}

function initialStatus({ sendAt, messagingServiceSid }: CheckedMessage): MessageStatus {
  if (sendAt) return 'scheduled';
  return messagingServiceSid === null ? 'queued' : 'accepted';
}

function idsOf(statusCallback: string | null): { messageId: string | null; attempt: string | null } {
  const query = statusCallback === null ? undefined : new URL(statusCallback).searchParams;
  return { messageId: query?.get('m') ?? null, attempt: query?.get('a') ?? null };
}

/** A new sid: the prefix and 32 random hexadecimal digits. */
export function newSid(prefix: string): string {
  return prefix + randomBytes(16).toString('hex');
}

/** The message with this sid, if the account may see it. */
export function visibleMessage(provider: Provider, account: Account, sid: string): Message | undefined {
  const message = provider.ledger.find(sid);
  return message && !message.deleted && message.receipt.accountSid === account.sid ? message : undefined;
}
