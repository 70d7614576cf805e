import { normalisePhone } from './phone';

/** A sender in its one spelling, with its kind; or none. */
export type SenderAddress =
  | { kind: 'long-code' | 'toll-free' | 'short-code' | 'alphanumeric' | 'messaging-service'; address: string }
  | { kind: 'invalid' };

const SHORT_CODE = /^\d{3,8}$/;
/** 3GPP TS 23.040 leaves eleven characters; a name without a letter would be taken for a number. */
const ALPHANUMERIC = /^(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 &_+-]{0,10}$/;
const MESSAGING_SERVICE = /^MG[0-9a-f]{32}$/i;

/** Reads what a message is sent from: a number, a short code, a name, or a messaging service of Twilio. */
export function normaliseSender(text: string): SenderAddress {
  const written = text.trim();
  if (SHORT_CODE.test(written)) return { kind: 'short-code', address: written };
  if (MESSAGING_SERVICE.test(written))
    return { kind: 'messaging-service', address: `MG${written.slice(2).toLowerCase()}` };
  if (written.startsWith('+')) {
    const phone = normalisePhone(written);
    if (phone.kind === 'invalid') return { kind: 'invalid' };
    return { kind: phone.isTollFree ? 'toll-free' : 'long-code', address: phone.e164 };
  }
  return ALPHANUMERIC.test(written) ? { kind: 'alphanumeric', address: written } : { kind: 'invalid' };
}
