import type { StatusReport } from '../channel-adapter';

/** Reads a status callback; undefined when it is none. Parameters Twilio adds without notice are passed over. */
export function parseStatus(rawBody: Buffer): StatusReport | undefined {
  const form = new URLSearchParams(rawBody.toString('utf8'));
  const providerId = form.get('MessageSid') ?? form.get('SmsSid');
  const status = form.get('MessageStatus') ?? form.get('SmsStatus');
  const accountId = form.get('AccountSid');
  if (providerId === null || status === null || accountId === null) return undefined;
  return { accountId, providerId, status, errorCode: form.get('ErrorCode') ?? '' };
}
