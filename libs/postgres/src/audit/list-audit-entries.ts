import type { ListAuditEntriesRequest, ListAuditEntriesResponse } from '@herald/contracts/audit';
import { HeraldError, invalidFields, REASONS, type FieldViolation } from '@herald/errors';
import type { Database } from '../database';
import { readPage } from '../page';
import { sql, type Tx } from '../sql';
import { ENTRY_COLUMNS, writeEntry, type StoredEntry } from './entries';

const PAGE_SIZES = { byDefault: 50, max: 200 };
/** What the entries of a page may weigh together, well under the 4 MiB of an answer; one weighs half a MiB at most. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;
const FILTER_LENGTH_MAX = 200;
const CONTROL_CHARACTER = /\p{Cc}/u;
const SEQ_FORM = /^[1-9][0-9]{0,17}$/;

/** A page of the organisation's entries, newest first. Throws INVALID_FIELD and PAGE_TOKEN_INVALID. */
export async function listAuditEntries(
  database: Database,
  org: string,
  request: ListAuditEntriesRequest,
): Promise<ListAuditEntriesResponse> {
  refuseFilters(request);
  const { size } = readPage({ pageSize: request.pageSize, pageToken: '' }, PAGE_SIZES);
  const below = readToken(request.pageToken);
  return database.read(org, async (tx) => {
    const found = await findEntries(tx, org, { ...request, below, limit: size + 1 });
    const page = lightened(found.slice(0, size)).map(({ seq }) => seq);
    const last = page.at(-1);
    const isMore = page.length < found.length && last !== undefined;
    return {
      entries: (await selectEntries(tx, org, page)).map(writeEntry),
      nextPageToken: isMore ? Buffer.from(last, 'utf8').toString('base64url') : '',
    };
  });
}

interface FoundEntry {
  seq: string;
  bytes: number;
}

/** Which entries there are, and what they weigh. Times never go back along seq, so that a span of time is one of seqs. */
function findEntries(
  tx: Tx,
  org: string,
  filter: ListAuditEntriesRequest & { below: string | null; limit: number },
): Promise<FoundEntry[]> {
  const { below, rpc, subjectId, startTime, endTime, limit } = filter;
  return sql<FoundEntry>(
    tx,
    `select seq::text, coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0) as bytes
       from audit_entry
      where org_id = $1 and ($2::bigint is null or seq < $2)
        and ($3 = '' or rpc = $3) and ($4 = '' or subject_id = $4)
        and ($5::timestamptz is null or seq >=
             (select e.seq from audit_entry e where e.org_id = $1 and e.at >= $5 order by e.at, e.seq limit 1))
        and ($6::timestamptz is null or seq < coalesce(
             (select e.seq from audit_entry e where e.org_id = $1 and e.at >= $6 order by e.at, e.seq limit 1),
             9223372036854775807))
      order by audit_entry.seq desc
      limit $7`,
    [org, below, rpc, subjectId, startTime ?? null, endTime ?? null, limit],
  );
}

function selectEntries(tx: Tx, org: string, seqs: readonly string[]): Promise<StoredEntry[]> {
  return sql<StoredEntry>(
    tx,
    `select ${ENTRY_COLUMNS} from audit_entry where org_id = $1 and seq = any($2::bigint[]) order by audit_entry.seq desc`,
    [org, seqs],
  );
}

/** Ends a page where its entries would be too heavy for one answer, though never before the first. */
function lightened(entries: readonly FoundEntry[]): readonly FoundEntry[] {
  let bytes = 0;
  const tooHeavyFrom = entries.findIndex((entry) => (bytes += entry.bytes) > PAGE_BYTES_MAX);
  return tooHeavyFrom < 0 ? entries : entries.slice(0, Math.max(1, tooHeavyFrom));
}

function refuseFilters({ rpc, subjectId, startTime, endTime }: ListAuditEntriesRequest): void {
  const violations: FieldViolation[] = [];
  for (const [field, text] of Object.entries({ rpc, subject_id: subjectId })) {
    if (text.length <= FILTER_LENGTH_MAX && !CONTROL_CHARACTER.test(text)) continue;
    violations.push({ field, reason: 'FIELD_MALFORMED', description: 'must be what an entry shows, or empty' });
  }
  for (const [field, time] of Object.entries({ start_time: startTime, end_time: endTime })) {
    if (time === undefined || !Number.isNaN(time.getTime())) continue;
    violations.push({ field, reason: 'FIELD_OUT_OF_RANGE', description: 'must be a time of this calendar' });
  }
  if (violations.length > 0) throw invalidFields(violations);
}

/** The entry that the page before ended with; null for the first page. */
function readToken(token: string): string | null {
  if (token === '') return null;
  const seq = Buffer.from(token, 'base64url').toString('utf8');
  if (SEQ_FORM.test(seq)) return seq;
  throw new HeraldError('PAGE_TOKEN_INVALID', REASONS.PAGE_TOKEN_INVALID.text, {
    violations: [
      { field: 'page_token', reason: 'FIELD_MALFORMED', description: 'must be the next_page_token of the page before' },
    ],
  });
}
