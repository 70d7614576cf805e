import { createHash } from 'node:crypto';
import { nameOfCaller, type CallContext } from '@herald/grpc';
import { currentTraceparent } from '@herald/telemetry';
import { sql, type Tx } from '../sql';

/** Whose act a change is: the caller and the RPC, as the context of the call knows them. */
export type Act = Pick<CallContext, 'org' | 'caller' | 'method'>;

/** What an act changed, as the API shows it: without credentials, phone numbers, message texts and contacts' context. */
export interface AuditedChange {
  /** What was changed: its kind, such as "template", and its id. */
  subject: { kind: string; id: string };
  requestId?: string | undefined;
  /** As it was before; absent where there was nothing. */
  before?: unknown;
  after: unknown;
}

/** Larger than this nothing is kept whole: a page of the log must fit an answer, and the log a disk. */
export const AUDIT_JSON_BYTES_MAX = 256 * 1024;

/**
 * Adds an entry to the organisation's audit log, in the transaction of the change it tells of and in one round trip.
 * From here to the commit the organisation's other changes wait: call it last, or only before what is as short.
 */
export async function appendAudit(tx: Tx, { caller, method }: Act, change: AuditedChange): Promise<void> {
  const { subject, requestId, before, after } = change;
  const traceId = currentTraceparent()?.split('-')[1];
  await append(tx, [
    ...[caller.kind.toUpperCase(), nameOfCaller(caller), method, subject.kind, subject.id, requestId ?? null],
    ...[jsonOf(before), jsonOf(after), traceId ?? null],
  ]);
}

const append = sql.prepared('audit_append', 'select append_audit($1, $2, $3, $4, $5, $6, $7, $8, $9)');

function jsonOf(entity: unknown): string | null {
  if (entity === undefined) return null;
  const json = JSON.stringify(entity);
  const bytes = Buffer.byteLength(json);
  if (bytes <= AUDIT_JSON_BYTES_MAX) return json;
  return JSON.stringify({ tooLarge: { bytes, sha256: createHash('sha256').update(json).digest('hex') } });
}
