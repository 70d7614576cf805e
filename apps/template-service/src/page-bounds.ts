import type { Page } from '@herald/postgres';

/** How many entries a page has: where the caller does not say, and at most. */
export const PAGE_SIZES = { byDefault: 50, max: 200 };

/** What the texts of a page may weigh together, well under the 4 MiB of an answer; one template weighs less than 1 MiB. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;

/** An entry of a list before it is read: its place in the order, and what its texts weigh. */
export interface Entry {
  id: string;
  bytes: number;
}

/**
 * Makes a page smaller where its entries would be too heavy for one answer, though never empty: 200 templates in 40
 * languages are. The next page begins with what was left out.
 */
export function lightened(page: Page, entries: readonly Entry[]): Page {
  let bytes = 0;
  const tooHeavyFrom = entries.findIndex((entry) => (bytes += entry.bytes) > PAGE_BYTES_MAX);
  return tooHeavyFrom < 0 ? page : { ...page, size: Math.min(page.size, Math.max(1, tooHeavyFrom)) };
}
