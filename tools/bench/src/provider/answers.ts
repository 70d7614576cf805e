import { randomBytes } from 'node:crypto';

const SID_DIGITS = 32;
const COUNTER_DIGITS = 16;
const CREATED = 'Mon, 02 Jan 2023 10:00:00 +0000';
/** Stand where a sid will be; of the same length, so that every answer has one length. */
const MESSAGE = `SM${'m'.repeat(SID_DIGITS)}`;
const ACCOUNT = `AC${'a'.repeat(SID_DIGITS)}`;

/** The message resource with the fields, in the order, and of the size in which Twilio answers a creation. */
const RESOURCE = {
  body: 'Hello Ana, order 100000001 arrives on 1.12.',
  num_segments: '1',
  direction: 'outbound-api',
  from: '10001',
  to: '+4915100000001',
  date_updated: CREATED,
  price: null,
  error_message: null,
  uri: `/2010-04-01/Accounts/${ACCOUNT}/Messages/${MESSAGE}.json`,
  account_sid: ACCOUNT,
  num_media: '0',
  status: 'queued',
  messaging_service_sid: null,
  sid: MESSAGE,
  date_sent: null,
  date_created: CREATED,
  error_code: null,
  price_unit: 'USD',
  api_version: '2010-04-01',
  subresource_uris: { media: `/2010-04-01/Accounts/${ACCOUNT}/Messages/${MESSAGE}/Media.json` },
};

/** Makes sids that are unique over all processes: a random half and a counter, in the form of Twilio's. */
export function sidMaker(): () => string {
  const half = randomBytes((SID_DIGITS - COUNTER_DIGITS) / 2).toString('hex');
  let made = 0;
  return () => `SM${half}${(made++).toString(16).padStart(COUNTER_DIGITS, '0')}`;
}

const CREATION = JSON.stringify(RESOURCE);
const CREATION_HEAD = headOf('201 Created', CREATION.length);
/** Everything between the sids, so that an answer is joined and not serialised. */
const PARTS = CREATION.split(MESSAGE).map((part) => part.split(ACCOUNT));

/** The whole answer to the creation of a message, as bytes of HTTP/1.1 in Latin-1. Both sids must have their 34 characters. */
export function creationAnswer(accountSid: string, messageSid: string): string {
  return CREATION_HEAD + PARTS.map((part) => part.join(accountSid)).join(messageSid);
}

/**
 * The answer to a question about an account or its senders: every account is there, and owns every sender that it is
 * asked about. `target` is path and query.
 */
export function lookUpAnswer(target: string): string {
  const { pathname, searchParams } = new URL(target, 'http://sink');
  const shortCode = searchParams.get('ShortCode');
  const number = searchParams.get('PhoneNumber');
  if (shortCode !== null) return jsonAnswer({ short_codes: [{ short_code: shortCode }] });
  if (number !== null) return jsonAnswer({ incoming_phone_numbers: [{ phone_number: number }] });
  return jsonAnswer({ sid: /AC[0-9a-f]{32}/.exec(pathname)?.[0] ?? '', status: 'active' });
}

/** The answer to what is no request of the contract: no length, no HTTP. */
export const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

function jsonAnswer(content: object): string {
  const body = JSON.stringify(content);
  return headOf('200 OK', body.length) + body;
}

function headOf(status: string, length: number): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
}
