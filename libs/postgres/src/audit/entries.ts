import { createHash } from 'node:crypto';
import { CallerKind, type AuditEntry } from '@herald/contracts/audit';

/** An entry as it is stored; numbers of the database as their digits, hashes in hexadecimal. */
export interface StoredEntry {
  org: string;
  seq: string;
  /** Milliseconds since 1970: what is stored is exact to the millisecond. */
  atMs: string;
  callerKind: 'USER' | 'SERVICE';
  caller: string;
  rpc: string;
  subjectKind: string;
  subjectId: string;
  requestId: string | null;
  before: string | null;
  after: string | null;
  traceId: string | null;
  prevHash: string;
  hash: string;
}

/** The columns of an entry, for a select list; to order by the number and not by its digits, say audit_entry.seq. */
export const ENTRY_COLUMNS = `org_id as org, seq::text, (extract(epoch from at) * 1000)::bigint::text as "atMs",
       caller_kind as "callerKind", caller, rpc, subject_kind as "subjectKind", subject_id as "subjectId",
       request_id as "requestId", before::text, after::text, trace_id as "traceId",
       encode(prev_hash, 'hex') as "prevHash", encode(hash, 'hex') as hash`;

/** What stands in the first entry for the hash of the entry in front. */
export const NO_HASH = '00'.repeat(32);

/**
 * The hash that an entry's other columns have, computed here and not by the database, whose word is what is checked. Each
 * column is its length in bytes, a colon and its text, or "-" where it is null, and commas stand between them, so that
 * no two entries have one form.
 */
export function entryHash(entry: StoredEntry): string {
  const { org, seq, atMs, callerKind, caller, rpc, subjectKind, subjectId, requestId, before, after } = entry;
  const columns = [
    ...[org, seq, atMs, callerKind, caller, rpc, subjectKind, subjectId, requestId, before, after],
    ...[entry.traceId, entry.prevHash],
  ];
  const form = columns.map((text) => (text === null ? '-' : `${Buffer.byteLength(text)}:${text}`)).join(',');
  return createHash('sha256').update(form).digest('hex');
}

/** Writes an entry. */
export function writeEntry(entry: StoredEntry): AuditEntry {
  return {
    seq: entry.seq,
    time: new Date(Number(entry.atMs)),
    orgId: entry.org,
    callerKind: CallerKind[entry.callerKind],
    caller: entry.caller,
    rpc: entry.rpc,
    subjectKind: entry.subjectKind,
    subjectId: entry.subjectId,
    requestId: entry.requestId ?? '',
    beforeJson: entry.before ?? '',
    afterJson: entry.after ?? '',
    traceId: entry.traceId ?? '',
    prevHash: entry.prevHash,
    hash: entry.hash,
  };
}
