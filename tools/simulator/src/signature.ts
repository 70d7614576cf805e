import { createHmac } from 'node:crypto';

/**
 * The X-Twilio-Signature of a form POST: base64 of HMAC-SHA1, keyed with the auth token, over the exact URL without
 * its fragment followed by each parameter, sorted by name, name and value without separators.
 */
export function signatureOf(authToken: string, url: string, parameters: Readonly<Record<string, string>>): string {
  const sorted = Object.keys(parameters).sort();
  const text = sorted.reduce((joined, name) => joined + name + (parameters[name] ?? ''), url);
  return createHmac('sha1', authToken).update(text).digest('base64');
}
