/** How one callback is tried, as the fragment of its URL says. */
export interface RetryPolicy {
  /** The URL as it is requested and signed: without its fragment. */
  url: string;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  /** No try begins later than this after the first. */
  totalTimeoutMs: number;
  retries: number;
  retryOn: ReadonlySet<FailureKind>;
}

/** How one try of a callback can fail: an HTTP status of that family, no connection, no answer. */
export type FailureKind = '4xx' | '5xx' | 'ct' | 'rt';

const KINDS: readonly FailureKind[] = ['4xx', '5xx', 'ct', 'rt'];

/**
 * Reads the connection overrides in a URL's fragment: `ct` 100–10000 (5000 when left out), `rt` 100–15000 (15000),
 * `tt` 100–15000 (15000), `rc` 0–5 (1), `rp` of 4xx, 5xx, ct, rt, all, several of them separated by commas (ct). A value
 * out of its bounds counts as left out.
 * See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 */
export function retryPolicy(address: string): RetryPolicy {
  const hash = address.indexOf('#');
  const fragment = new URLSearchParams(hash < 0 ? '' : address.slice(hash + 1));
  const number = (name: string, [min, max]: [number, number], otherwise: number): number => {
    const value = Number(fragment.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= min && value <= max ? value : otherwise;
  };
  return {
    url: hash < 0 ? address : address.slice(0, hash),
    connectTimeoutMs: number('ct', [100, 10_000], 5000),
    readTimeoutMs: number('rt', [100, 15_000], 15_000),
    totalTimeoutMs: number('tt', [100, 15_000], 15_000),
    retries: number('rc', [0, 5], 1),
    retryOn: readKinds(fragment.get('rp')),
  };
}

function readKinds(text: string | null): ReadonlySet<FailureKind> {
  const named = (text ?? 'ct').split(',');
  if (named.includes('all')) return new Set(KINDS);
  const kinds = KINDS.filter((kind) => named.includes(kind));
  return new Set(kinds.length > 0 ? kinds : (['ct'] as const));
}
