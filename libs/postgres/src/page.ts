import { HeraldError, invalidFields } from '@herald/errors';
import { validate as isUuid } from 'uuid';

/** A page that a caller asks for: how many rows, and after which id. */
export interface Page {
  size: number;
  after: string | null;
}

/**
 * Reads page_size and page_token; 0 gives the default, more than the maximum the maximum. Throws INVALID_FIELD for a
 * negative size and PAGE_TOKEN_INVALID for a token that is none of ours (AIP-158).
 */
export function readPage(
  request: { pageSize: number; pageToken: string },
  sizes: { byDefault: number; max: number },
): Page {
  if (request.pageSize < 0) {
    const description = 'must not be negative; 0 gives the default';
    throw invalidFields([{ field: 'page_size', description, reason: 'FIELD_OUT_OF_RANGE' }]);
  }
  const size = request.pageSize === 0 ? sizes.byDefault : Math.min(request.pageSize, sizes.max);
  if (request.pageToken === '') return { size, after: null };
  const after = Buffer.from(request.pageToken, 'base64url').toString('utf8');
  if (isUuid(after)) return { size, after };
  throw new HeraldError('PAGE_TOKEN_INVALID', 'The page token is not one this list gave. Start at the first page.', {
    violations: [
      { field: 'page_token', description: 'must be the next_page_token of the page before', reason: 'FIELD_MALFORMED' },
    ],
  });
}

/** Cuts a page from rows of which one more than asked was read, and names the next page by its last id. */
export function cutPage<Row extends { id: string }>(
  rows: readonly Row[],
  { size }: Page,
): { rows: Row[]; nextPageToken: string } {
  const page = rows.slice(0, size);
  const last = page.at(-1);
  const isMore = rows.length > size && last !== undefined;
  return { rows: page, nextPageToken: isMore ? Buffer.from(last.id, 'utf8').toString('base64url') : '' };
}
