import { createHash } from 'node:crypto';
import { request } from 'undici';
import type { Message, Receipt } from './message';
import type { Provider } from './provider';
import { countSegments } from './segments';
import { newSid } from './send-message';
import { signatureOf } from './signature';

/** A message somebody writes to one of the account's senders. */
export interface Inbound {
  to: string;
  from: string;
  body: string;
  /** Where the account wants to hear of it. */
  url: string;
  accountSid?: string | undefined;
  /** Further parameters, for example `ProfileName`. */
  parameters: Record<string, string>;
}

const STOP = /^\s*(stop|stopall|unsubscribe|cancel|end|quit)\s*$/i;
const START = /^\s*(start|yes|unstop)\s*$/i;
const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Posts an inbound message, signed, and answers what the webhook said. It is tried once. STOP and its kin opt the writer out of that
 * sender (sends then end with 21610) until START, whatever the webhook answers: Twilio keeps that list itself.
 */
export async function receiveMessage(provider: Provider, inbound: Inbound): Promise<Record<string, unknown>> {
  const account =
    inbound.accountSid === undefined ? provider.accounts.list()[0] : provider.accounts.get(inbound.accountSid);
  if (!account) throw new Error(`There is no account ${inbound.accountSid}. Add it with POST /_ctl/accounts.`);
  const pair = `${inbound.to}|${inbound.from}`;
  if (STOP.test(inbound.body)) provider.optOuts.add(pair);
  if (START.test(inbound.body)) provider.optOuts.delete(pair);
  const { receipt } = await accept(provider, receiptOf(inbound, account.sid));
  const parameters = {
    AccountSid: account.sid,
    ApiVersion: '2010-04-01',
    Body: inbound.body,
    From: inbound.from,
    MessageSid: receipt.sid,
    NumMedia: '0',
    NumSegments: String(countSegments(inbound.body)),
    SmsMessageSid: receipt.sid,
    SmsSid: receipt.sid,
    SmsStatus: 'received',
    To: inbound.to,
    ...inbound.parameters,
  };
  const url = inbound.url.split('#', 1)[0] ?? '';
  const response = await request(url, {
    method: 'POST',
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'user-agent': 'TwilioProxy/1.1',
      'x-twilio-signature': signatureOf(account.authToken, url, parameters),
    },
    body: new URLSearchParams(parameters).toString(),
  });
  return { messageSid: receipt.sid, status: response.statusCode, body: await response.body.text() };
}

function accept(provider: Provider, receipt: Receipt): Promise<Message> {
  return new Promise((resolve, reject) => {
    provider.ledger.accept(receipt, (result) => (result instanceof Error ? reject(result) : resolve(result)));
  });
}

function receiptOf({ to, from, body }: Inbound, accountSid: string): Receipt {
  return {
    sid: newSid('SM'),
    accountSid,
    to,
    from,
    messagingServiceSid: null,
    body,
    bodyHash: createHash('sha256').update(body).digest('hex'),
    mediaUrls: [],
    statusCallback: null,
    messageId: null,
    attempt: null,
    occurrence: 0,
    direction: 'inbound',
    initialStatus: 'received',
    sendAt: null,
    acceptedAt: new Date().toISOString(),
  };
}
