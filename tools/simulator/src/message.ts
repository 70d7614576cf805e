import { countSegments } from './segments';

/** Every status of an outbound message. */
export type MessageStatus =
  | 'accepted'
  | 'scheduled'
  | 'canceled'
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'undelivered'
  | 'failed'
  | 'received';

/** The statuses after which nothing more happens. */
const FINAL: ReadonlySet<MessageStatus> = new Set(['canceled', 'delivered', 'undelivered', 'failed', 'received']);

/** Whether nothing more happens after this status. */
export function isFinal(status: MessageStatus): boolean {
  return FINAL.has(status);
}

/** One accepted message as it is written to the receipt log: what was asked for, and never changed again. */
export interface Receipt {
  sid: string;
  accountSid: string;
  to: string;
  from: string | null;
  messagingServiceSid: string | null;
  body: string;
  /** SHA-256 of the body, in hexadecimal. */
  bodyHash: string;
  mediaUrls: string[];
  statusCallback: string | null;
  /** `m` and `a` of the callback's query: the sender's own ids of the message and its attempt. */
  messageId: string | null;
  attempt: string | null;
  /** Which request to this recipient it was, counted from one: the key of its seeded choices. */
  occurrence: number;
  direction: 'outbound-api' | 'inbound';
  initialStatus: MessageStatus;
  sendAt: string | null;
  acceptedAt: string;
}

/** A message: its receipt and what became of it since. */
export interface Message {
  receipt: Receipt;
  status: MessageStatus;
  from: string | null;
  body: string;
  errorCode: number | null;
  sentAt: Date | null;
  updatedAt: Date;
  deleted: boolean;
  history: { status: MessageStatus; at: string }[];
}

/** One change of a message, as it is written to the log of changes. */
export type Change =
  | { sid: string; at: string; kind: 'status'; status: MessageStatus; errorCode: number | null; from: string | null }
  | { sid: string; at: string; kind: 'redacted' }
  | { sid: string; at: string; kind: 'deleted' };

/** A message as it is at the moment of its acceptance. */
export function messageOf(receipt: Receipt): Message {
  return {
    receipt,
    status: receipt.initialStatus,
    from: receipt.from,
    body: receipt.body,
    errorCode: null,
    sentAt: null,
    updatedAt: new Date(receipt.acceptedAt),
    deleted: false,
    history: [{ status: receipt.initialStatus, at: receipt.acceptedAt }],
  };
}

/** Applies a change to the message in memory. */
export function applyChange(message: Message, change: Change): void {
  message.updatedAt = new Date(change.at);
  if (change.kind === 'deleted') message.deleted = true;
  if (change.kind !== 'status') {
    message.body = '';
    return;
  }
  message.status = change.status;
  message.errorCode = change.errorCode;
  message.from = change.from;
  message.history.push({ status: change.status, at: change.at });
  if (change.status === 'sent') message.sentAt = message.updatedAt;
}

/** Why a delivery failed, in Twilio's words. */
const ERROR_TEXTS: Record<number, string> = {
  30001: 'Queue overflow',
  30002: 'Account suspended',
  30003: 'Unreachable destination handset',
  30004: 'Message blocked',
  30005: 'Unknown destination handset',
  30006: 'Landline or unreachable carrier',
  30007: 'Carrier violation',
  30008: 'Unknown error',
  30034: 'Message from an Unregistered Number',
  30036: 'Validity Period Expired',
};

/** The text of an error number, or null for no error. */
export function errorText(code: number | null): string | null {
  return code === null ? null : (ERROR_TEXTS[code] ?? 'Unknown error');
}

/** A time as RFC 2822 writes it, in UTC: `Tue, 24 Nov 2026 10:00:00 +0000`. */
export function rfc2822(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

/** The message resource as the API answers it. */
export function messageResource(message: Message): Record<string, unknown> {
  const { receipt } = message;
  const uri = `/2010-04-01/Accounts/${receipt.accountSid}/Messages/${receipt.sid}`;
  const unassigned = receipt.messagingServiceSid !== null && message.from === null;
  return {
    body: message.body,
    num_segments: unassigned ? '0' : String(countSegments(receipt.body)),
    direction: receipt.direction,
    from: message.from,
    to: receipt.to,
    date_updated: rfc2822(message.updatedAt),
    price: null,
    error_message: errorText(message.errorCode),
    uri: `${uri}.json`,
    account_sid: receipt.accountSid,
    num_media: String(receipt.mediaUrls.length),
    status: message.status,
    messaging_service_sid: receipt.messagingServiceSid,
    sid: receipt.sid,
    date_sent: message.sentAt ? rfc2822(message.sentAt) : null,
    date_created: rfc2822(new Date(receipt.acceptedAt)),
    error_code: message.errorCode,
    price_unit: 'USD',
    api_version: '2010-04-01',
    subresource_uris: { media: `${uri}/Media.json`, feedback: `${uri}/Feedback.json` },
  };
}
