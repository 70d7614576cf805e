import { ownsSender } from './accounts';
import type { Account } from './accounts';
import { problem } from './problems';
import type { Problem, ProblemCode } from './problems';

const BODY_CHARACTERS_MAX = 1600;
const MEDIA_MAX = 10;
const VALIDITY_SECONDS_MAX = 36_000;
const SCHEDULE_SECONDS_MIN = 900;
const SCHEDULE_SECONDS_MAX = 35 * 24 * 3600;

/** A request to send that passed every check. */
export interface CheckedMessage {
  to: string;
  from: string | null;
  messagingServiceSid: string | null;
  body: string;
  mediaUrls: string[];
  statusCallback: string | null;
  sendAt: Date | null;
}

/** What a request to send is checked against. */
export interface Circumstances {
  account: Account;
  now: Date;
  hasOptedOut: (from: string, to: string) => boolean;
}

/** The recipients and senders with which Twilio's test credentials provoke a refusal. */
const MAGIC_TO: Record<string, ProblemCode> = {
  '+15005550001': 21211,
  '+15005550002': 21612,
  '+15005550003': 21408,
  '+15005550004': 21610,
  '+15005550009': 21614,
};
const MAGIC_FROM: Record<string, ProblemCode> = {
  '+15005550001': 21212,
  '+15005550007': 21606,
  '+15005550008': 21611,
};

const E164 = /^\+[1-9]\d{6,14}$/;
const WHATSAPP = /^whatsapp:\+[1-9]\d{6,14}$/;
const SHORT_CODE = /^\d{3,8}$/;
const ALPHANUMERIC = /^(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}$/;
const SENDER_SHAPES = [E164, WHATSAPP, SHORT_CODE, ALPHANUMERIC];

/** Checks a request to send, and answers the first refusal: recipient, sender, content, then what concerns its delivery. */
export function checkMessage(form: URLSearchParams, circumstances: Circumstances): CheckedMessage | Problem {
  const message = readForm(form);
  return (
    checkRecipient(message.to) ??
    checkSender(message, circumstances.account) ??
    checkContent(message) ??
    checkDelivery(message, form, circumstances) ??
    message
  );
}

function readForm(form: URLSearchParams): CheckedMessage {
  const text = (name: string): string => form.get(name)?.trim() ?? '';
  const messagingServiceSid = text('MessagingServiceSid') || null;
  // Without a messaging service Twilio ignores the scheduling parameters and sends at once.
  const scheduled = messagingServiceSid !== null && form.has('SendAt');
  return {
    to: text('To'),
    from: text('From') || null,
    messagingServiceSid,
    body: form.get('Body') ?? '',
    mediaUrls: form.getAll('MediaUrl'),
    statusCallback: text('StatusCallback') || null,
    sendAt: scheduled ? new Date(text('SendAt')) : null,
  };
}

/** Whether a check ended in a refusal. */
export function isProblem(result: CheckedMessage | Problem): result is Problem {
  return 'code' in result;
}

function checkRecipient(to: string): Problem | undefined {
  if (to === '') return problem(21604);
  if (!E164.test(to) && !WHATSAPP.test(to)) return problem(21211, to);
  const magic = MAGIC_TO[to];
  return magic === undefined ? undefined : problem(magic, to);
}

function checkSender({ to, from, messagingServiceSid }: CheckedMessage, account: Account): Problem | undefined {
  if (messagingServiceSid !== null) {
    const pool = account.messagingServices[messagingServiceSid] ?? [];
    if (pool.length === 0) return problem(21701, messagingServiceSid);
    return from === null || pool.includes(from) ? undefined : problem(21712, from);
  }
  if (from === null) return problem(21603);
  const magic = MAGIC_FROM[from];
  if (magic !== undefined) return problem(magic, from);
  if (!SENDER_SHAPES.some((shape) => shape.test(from))) return problem(21212, from);
  if (WHATSAPP.test(from) !== WHATSAPP.test(to)) return problem(21910);
  return ownsSender(account, from.replace('whatsapp:', '')) ? undefined : problem(21606, from);
}

function checkContent({ body, mediaUrls }: CheckedMessage): Problem | undefined {
  if (body === '' && mediaUrls.length === 0) return problem(21602);
  if (body.length > BODY_CHARACTERS_MAX && Array.from(body).length > BODY_CHARACTERS_MAX) return problem(21617);
  if (mediaUrls.length > MEDIA_MAX) return problem(21623);
  const wrong = mediaUrls.find((url) => !isWebUrl(url));
  return wrong === undefined ? undefined : problem(21620, wrong);
}

function checkDelivery(
  { to, from, messagingServiceSid, statusCallback, sendAt }: CheckedMessage,
  form: URLSearchParams,
  { account, now, hasOptedOut }: Circumstances,
): Problem | undefined {
  if (statusCallback !== null && !isWebUrl(statusCallback)) return problem(21609, statusCallback);
  const validity = checkValidity(form.get('ValidityPeriod'));
  if (validity) return validity;
  if (sendAt !== null) {
    const seconds = (sendAt.getTime() - now.getTime()) / 1000;
    const inWindow = seconds >= SCHEDULE_SECONDS_MIN && seconds <= SCHEDULE_SECONDS_MAX;
    if (!inWindow || form.get('ScheduleType') !== 'fixed') return problem(35114);
  }
  const senders = messagingServiceSid === null ? [from ?? ''] : (account.messagingServices[messagingServiceSid] ?? []);
  return senders.some((sender) => hasOptedOut(sender, to)) ? problem(21610) : undefined;
}

function checkValidity(text: string | null): Problem | undefined {
  if (text === null) return undefined;
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds > VALIDITY_SECONDS_MAX) return problem(20001, 'ValidityPeriod');
  return seconds < 1 ? problem(30012, text) : undefined;
}

/** Twilio takes absolute http and https addresses whose host has no underscore. */
function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && hostname !== '' && !hostname.includes('_');
}
