import {
  AuditFault_Kind,
  type AuditFault,
  type AuditHead,
  type CheckAuditLogRequest,
  type CheckAuditLogResponse,
} from '@herald/contracts/audit';
import { invalidFields, type FieldViolation } from '@herald/errors';
import type { Database } from '../database';
import { single, sql, type Tx } from '../sql';
import { ENTRY_COLUMNS, entryHash, NO_HASH, type StoredEntry } from './entries';

/** Entries in one look: small enough that a page of the largest ones, half a MiB each, fits the memory of a service. */
const PAGE_SIZE = 200;
const SEQ_FORM = /^(0|[1-9][0-9]{0,14})$/;
const HASH_FORM = /^[0-9a-f]{64}$/;

/** A link of the chain: an entry's place and hash. */
interface Link {
  seq: number;
  hash: string;
}

/**
 * Walks the organisation's chain to the head that stands at the beginning of the walk, and tells the first thing that is
 * not as it was written. Each page is a transaction of its own: entries are only added, so that what is walked does not
 * change beneath it. Throws INVALID_FIELD for an expected head that is none.
 */
export async function checkAuditLog(
  database: Database,
  org: string,
  { request, signal }: { request: CheckAuditLogRequest; signal: AbortSignal },
): Promise<CheckAuditLogResponse> {
  const expected = readHead(request.expectedHead);
  const { head, beyond } = await database.read(org, (tx) => readEnd(tx, org));
  let walked: Walked = { last: { seq: 0, hash: NO_HASH } };
  while (!walked.fault && walked.last.seq < head.seq) {
    signal.throwIfAborted();
    const after = walked.last.seq;
    const page = await database.read(org, (tx) => selectPage(tx, org, { after, upTo: head.seq }));
    walked = walk(page, walked.last, expected);
  }
  const { last, fault = faultOfEnd({ head, beyond, last, expected }) } = walked;
  return { entries: last.seq, intact: !fault, fault, head: { seq: String(head.seq), hash: head.hash } };
}

/** The last entry that is as it was written, and what is wrong with the next. */
interface Walked {
  last: Link;
  fault?: AuditFault | undefined;
}

/** Follows the chain through a page, up to the first fault; an empty page where there is more to come is one. */
function walk(page: readonly StoredEntry[], from: Link, expected: Link | undefined): Walked {
  if (page.length === 0) return { last: from, fault: faultAt(from.seq + 1, 'ENTRY_MISSING') };
  let last = from;
  for (const entry of page) {
    const fault = faultOfEntry(entry, last);
    if (fault) return { last, fault };
    last = { seq: Number(entry.seq), hash: entry.hash };
    if (last.seq === expected?.seq && last.hash !== expected.hash) {
      return { last, fault: faultAt(last.seq, 'HEAD_NOT_EXPECTED') };
    }
  }
  return { last };
}

function faultOfEntry(entry: StoredEntry, last: Link): AuditFault | undefined {
  const due = last.seq + 1;
  if (Number(entry.seq) !== due) return faultAt(due, 'ENTRY_MISSING');
  if (entryHash(entry) !== entry.hash) return faultAt(due, 'ENTRY_CHANGED');
  return entry.prevHash === last.hash ? undefined : faultAt(due, 'CHAIN_BROKEN');
}

function faultOfEnd(end: { head: Link; beyond: number | undefined; last: Link; expected: Link | undefined }) {
  const { head, beyond, last, expected } = end;
  if (beyond !== undefined) return faultAt(beyond, 'ENTRY_INSERTED');
  if (head.hash !== last.hash) return faultAt(head.seq, 'HEAD_CHANGED');
  if (expected && expected.seq > head.seq) return faultAt(expected.seq, 'HEAD_NOT_EXPECTED');
  return expected?.seq === 0 && expected.hash !== NO_HASH ? faultAt(0, 'HEAD_NOT_EXPECTED') : undefined;
}

/** What each kind of fault means, for people. */
const DESCRIPTIONS = {
  ENTRY_CHANGED: 'The entry was changed: its hash is not that of its content.',
  ENTRY_MISSING: 'The entry is missing, though the head or later entries say that it was written.',
  CHAIN_BROKEN: 'The entry does not follow the one in front, which was therefore written anew.',
  ENTRY_INSERTED: 'An entry stands outside of the log, which ends with its head: it was not written as entries are.',
  HEAD_CHANGED: 'The head of the log does not hold the hash of its newest entry.',
  HEAD_NOT_EXPECTED: 'The log does not hold the expected head: it was cut off or written anew.',
} as const;

function faultAt(seq: number, kind: keyof typeof DESCRIPTIONS): AuditFault {
  return { seq: String(seq), kind: AuditFault_Kind[kind], description: DESCRIPTIONS[kind] };
}

/** The head, and an entry outside of what it ends, in one look: between two an entry may come. */
async function readEnd(tx: Tx, org: string): Promise<{ head: Link; beyond: number | undefined }> {
  const { seq, hash, oldest, newest } = single(
    await sql<Record<'seq' | 'hash' | 'oldest' | 'newest', string | null>>(
      tx,
      `select head.seq::text, encode(head.hash, 'hex') as hash,
              (select min(seq) from audit_entry where org_id = $1)::text as oldest,
              (select max(seq) from audit_entry where org_id = $1)::text as newest
         from (select 1) as always
         left join audit_head head on head.org_id = $1`,
      [org],
    ),
  );
  const head = { seq: Number(seq ?? 0), hash: hash ?? NO_HASH };
  const ends = [oldest, newest].flatMap((found) => (found === null ? [] : [Number(found)]));
  return { head, beyond: ends.find((found) => found < 1 || found > head.seq) };
}

function selectPage(tx: Tx, org: string, { after, upTo }: { after: number; upTo: number }): Promise<StoredEntry[]> {
  return sql<StoredEntry>(
    tx,
    `select ${ENTRY_COLUMNS}
       from audit_entry
      where org_id = $1 and seq > $2 and seq <= $3
      order by audit_entry.seq
      limit $4`,
    [org, after, upTo, PAGE_SIZE],
  );
}

function readHead(head: AuditHead | undefined): Link | undefined {
  if (head === undefined) return undefined;
  const violations: FieldViolation[] = [];
  const need = (field: string, isGood: boolean, description: string) => {
    if (!isGood) violations.push({ field: `expected_head.${field}`, reason: 'FIELD_MALFORMED', description });
  };
  need('seq', SEQ_FORM.test(head.seq), 'must be the seq of a head that a check answered with');
  need('hash', HASH_FORM.test(head.hash), 'must be the hash of that head, 64 hexadecimal digits');
  if (violations.length > 0) throw invalidFields(violations);
  return { seq: Number(head.seq), hash: head.hash };
}
