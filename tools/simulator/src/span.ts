import type { Span } from './chance';

const UNITS: Record<string, number> = { ms: 1, s: 1000 };

/** Reads `200ms`, `2s` or `1.5s`; anything else is undefined. */
function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  return match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1) : undefined;
}

/** Reads `200ms..2s`, or `200ms` for a span of one length; anything else, or a span that ends before it begins, is undefined. */
export function parseSpan(text: string): Span | undefined {
  const [first = '', last = first, ...rest] = text.split('..');
  const minMs = parseDuration(first);
  const maxMs = parseDuration(last);
  if (rest.length > 0 || minMs === undefined || maxMs === undefined || maxMs < minMs) return undefined;
  return { minMs, maxMs };
}
