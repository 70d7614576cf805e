import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingWebhook } from '../channel-adapter';

const FORM = 'application/x-www-form-urlencoded';

/**
 * Whether Twilio signed a webhook with one of the secrets: HMAC-SHA1 over the URL and, for a form, its sorted
 * parameters; a body of another type is covered by its hash in the URL
 * (https://www.twilio.com/docs/usage/security#validating-requests). Twilio signs with or without the default port, so
 * that both spellings count. Comparing takes the same time wherever a signature differs.
 */
export function isSignedByTwilio({ url, rawBody, contentType, signature, secrets }: IncomingWebhook): boolean {
  if (signature === undefined) return false;
  const given = Buffer.from(signature);
  const isForm = contentType.split(';')[0]?.trim().toLowerCase() === FORM;
  if (!isForm && !isBodyNamedIn(url, rawBody)) return false;
  const parameters = isForm ? sortedParameters(rawBody) : '';
  // The first that fits ends it: the answer says so anyway. Those that do not fit are all compared.
  return urlSpellings(url).some((spelling) =>
    secrets.some((secret) => isEqual(sign(spelling + parameters, secret), given)),
  );
}

function sign(text: string, secret: string): Buffer {
  return Buffer.from(createHmac('sha1', secret).update(text, 'utf8').digest('base64'));
}

function isEqual(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** Names in order, each followed by its values: several values of a name in order and without repeats. */
function sortedParameters(rawBody: Buffer): string {
  const values = new Map<string, Set<string>>();
  for (const [name, value] of new URLSearchParams(rawBody.toString('utf8'))) {
    values.set(name, (values.get(name) ?? new Set()).add(value));
  }
  const names = [...values.keys()].sort();
  return names
    .map((name) =>
      [...(values.get(name) ?? [])]
        .sort()
        .map((value) => name + value)
        .join(''),
    )
    .join('');
}

function isBodyNamedIn(url: string, rawBody: Buffer): boolean {
  const named = new URL(url).searchParams.get('bodySHA256');
  if (named === null) return false;
  return isEqual(Buffer.from(createHash('sha256').update(rawBody).digest('hex')), Buffer.from(named.toLowerCase()));
}

/** A URL as it was called: scheme, host, port, and all the rest in the characters that were signed. */
const URL_PARTS = /^(https?):\/\/(\[[^\]]*\]|[^/?#:]*)(?::(\d+))?(.*)$/is;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { https: '443', http: '80' };

/** The URL as it is written, which is the one that is mostly signed, and the other of both. */
function urlSpellings(url: string): string[] {
  const parts = URL_PARTS.exec(url);
  if (!parts) return [];
  const [, scheme = '', host = '', port, rest = ''] = parts;
  const without = `${scheme}://${host}${rest}`;
  const withPort = `${scheme}://${host}:${port ?? DEFAULT_PORTS[scheme.toLowerCase()] ?? ''}${rest}`;
  return port === undefined ? [without, withPort] : [withPort, without];
}
