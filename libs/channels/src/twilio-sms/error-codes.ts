import type { MessageReason } from '@herald/errors';

/**
 * Twilio's numbers that mean something to whoever looks at a message (https://www.twilio.com/docs/api/errors). Those of
 * the 20,000s are not here: they are about the call, and the call is made again.
 */
const REASONS: Readonly<Record<string, MessageReason>> = {
  21211: 'ADDRESS_INVALID_AT_PROVIDER',
  21212: 'SENDER_MISCONFIGURED',
  21214: 'ADDRESS_INVALID_AT_PROVIDER',
  21217: 'ADDRESS_INVALID_AT_PROVIDER',
  21401: 'SENDER_MISCONFIGURED',
  21408: 'REGION_NOT_ENABLED',
  21602: 'CONTENT_REFUSED',
  21603: 'SENDER_MISCONFIGURED',
  21606: 'SENDER_MISCONFIGURED',
  21607: 'SENDER_MISCONFIGURED',
  21608: 'ACCOUNT_ON_TRIAL',
  21609: 'CALLBACK_URL_REFUSED',
  21610: 'OPTED_OUT_AT_PROVIDER',
  21611: 'QUEUE_OVERFLOW',
  21612: 'REGION_NOT_ENABLED',
  21614: 'ADDRESS_LANDLINE',
  21617: 'CONTENT_REFUSED',
  21635: 'ADDRESS_LANDLINE',
  21659: 'SENDER_MISCONFIGURED',
  21660: 'SENDER_MISCONFIGURED',
  21701: 'SENDER_MISCONFIGURED',
  21703: 'SENDER_MISCONFIGURED',
  30001: 'QUEUE_OVERFLOW',
  30002: 'ACCOUNT_SUSPENDED',
  30003: 'ADDRESS_UNREACHABLE',
  30004: 'BLOCKED_AT_CARRIER',
  30005: 'ADDRESS_INVALID_AT_PROVIDER',
  30006: 'ADDRESS_LANDLINE',
  30007: 'CARRIER_FILTERED',
  30008: 'DELIVERY_FAILED',
  30032: 'SENDER_NOT_REGISTERED',
  30034: 'SENDER_NOT_REGISTERED',
  30036: 'EXPIRED_AT_PROVIDER',
  30450: 'PUMPING_BLOCKED',
  30610: 'QUIET_HOURS_AT_PROVIDER',
  30640: 'LITIGATOR_BLOCKED',
};

/**
 * Failures that a later try may not meet: a full queue, a handset that is off, and what Twilio cannot explain. A quarter
 * of an hour is the least that changes any of them.
 */
const PASSING: ReadonlySet<string> = new Set(['30001', '30003', '30008']);

/** What one of Twilio's numbers means; undefined for one that is not known, which is no fault: they are split over time. */
export function messageReasonOf(code: string): MessageReason | undefined {
  return Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
}

/** Whether a message that failed with this number may go through when it is sent once more, later. */
export function mayPass(code: string): boolean {
  return PASSING.has(code);
}

/** Numbers below are about the call and the account, those from here on about a message, its sender or its recipient. */
const FIRST_ABOUT_MESSAGES = 21_000;

/** Whether a number speaks of the one message, so that another message of the account may well go through. */
export function isAboutTheMessage(code: string): boolean {
  return Number(code) >= FIRST_ABOUT_MESSAGES;
}
