import { isServiceName } from './identity';
import type { ServiceName } from './identity';

const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** Tells whether a text is a trust domain as SPIFFE has them: small letters, digits, dots, dashes and underscores. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/**
 * The service that a certificate names: its only URI is `spiffe://<trust domain>/<path>`, and the last segment of the
 * path is the name of one of our services. Whatever stands before it counts for nothing, so that both
 * `spiffe://example.org/dispatch` and `spiffe://example.org/ns/herald/sa/dispatch` name dispatch: the authority must
 * give such names to nobody else in the trust domain. Two URIs name nobody, as SPIFFE's X509-SVID, section 2, has it.
 */
export function serviceNamed(subjectAltName: string | undefined, trustDomain: string): ServiceName | undefined {
  // Node puts a name in quotes that could be read as two; no name of ours needs them.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(', ').filter((name) => name.startsWith('URI:'));
  const prefix = `URI:spiffe://${trustDomain}/`;
  const [uri] = uris;
  if (uri === undefined || uris.length > 1 || !uri.startsWith(prefix)) return undefined;
  const segments = uri.slice(prefix.length).split('/');
  const service = segments.at(-1) ?? '';
  return segments.every((segment) => SEGMENT.test(segment)) && isServiceName(service) ? service : undefined;
}
