import { BlockList, isIPv4 } from 'node:net';
import type { Violations } from '../reading';

const URL_LENGTH_MAX = 500;
const LOOPBACK_NAMES = new Set(['localhost', '[::1]']);
/**
 * Networks that no provider is in, from https://www.iana.org/assignments/iana-ipv4-special-registry: whoever may
 * configure an account must not reach our own house through it.
 */
const INWARD = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  // Groups, what is reserved, and everybody.
  ['224.0.0.0', 3],
] as const) {
  INWARD.addSubnet(network, prefix);
}

/**
 * Checks where an account's API is said to be: https, or http on this machine itself, for the simulator and the like.
 * Literal addresses of inner networks are refused; names that lead there are the network policy's to stop.
 */
export function checkApiBaseUrl(violations: Violations, field: string, text: string): void {
  if (text === '') return;
  const url = URL.canParse(text) && text.length <= URL_LENGTH_MAX ? new URL(text) : undefined;
  // Of the text, not of the URL, which has dropped some of it: an empty query would still swallow the appended path.
  const isPlain = url?.username === '' && url.password === '' && !/[\s\p{Cc}?#]/u.test(text);
  if (!url || !isPlain || !isAllowed(url)) {
    violations.add(
      field,
      'URL_NOT_ALLOWED',
      'must be an https URL, or http on a loopback address, without user, query or fragment',
    );
  }
}

function isAllowed({ protocol, hostname }: URL): boolean {
  const isAddress = isIPv4(hostname);
  // Only an address: 127.example.com is somebody's name.
  const isLoopback = LOOPBACK_NAMES.has(hostname) || (isAddress && hostname.startsWith('127.'));
  if (protocol === 'http:') return isLoopback;
  // Of IPv6 only loopback: no provider is configured by such a literal, and its inner ranges have many spellings.
  const isInward = (isAddress && INWARD.check(hostname)) || (hostname.startsWith('[') && !isLoopback);
  return protocol === 'https:' && !isInward;
}
