import { Hold, Hold_Kind, type PlaceHoldRequest } from '@herald/contracts/dispatch';
import { invalidFields, type FieldViolation } from '@herald/errors';
import { validate as isUuid } from 'uuid';
import type { HoldKind, HoldSubject, StoredHold } from './hold-store';

const NOTE_CHARACTERS_MAX = 500;

const KINDS: ReadonlyMap<Hold_Kind, HoldKind> = new Map([
  [Hold_Kind.REQUEST, 'REQUEST'],
  [Hold_Kind.OUTBOUND_CONFIGURATION, 'OUTBOUND_CONFIGURATION'],
  [Hold_Kind.CHANNEL, 'CHANNEL'],
  [Hold_Kind.ORGANIZATION, 'ORGANIZATION'],
]);
const WIRE_KINDS = Object.fromEntries([...KINDS].map(([wire, kind]) => [kind, wire])) as Record<HoldKind, Hold_Kind>;

/** Reads what is to be held, and why; throws INVALID_FIELD with every violation at once. */
export function readPlaceHold({ requestId, hold }: PlaceHoldRequest, org: string): HoldSubject & { note: string } {
  const { kind: wireKind, subjectId, note } = hold ?? Hold.fromPartial({});
  const violations: FieldViolation[] = [];
  const add = (field: string, reason: string, description: string) => violations.push({ field, reason, description });
  if (!isUuid(requestId)) add('request_id', 'FIELD_MALFORMED', 'must be a UUID made by the caller');
  const kind = KINDS.get(wireKind);
  if (kind === undefined) {
    add('hold.kind', 'FIELD_UNKNOWN_VALUE', 'must be REQUEST, OUTBOUND_CONFIGURATION, CHANNEL or ORGANIZATION');
  } else if (kind === 'ORGANIZATION') {
    if (subjectId !== '')
      add('hold.subject_id', 'FIELD_NOT_ALLOWED', 'must be empty: the token names the organisation');
  } else if (!isUuid(subjectId)) {
    add('hold.subject_id', 'FIELD_MALFORMED', 'must be the UUID of what is to be held');
  }
  if (note.includes('\0')) add('hold.note', 'FIELD_MALFORMED', 'has a zero character, which no database keeps as text');
  if ([...note].length > NOTE_CHARACTERS_MAX) add('hold.note', 'FIELD_TOO_LONG', 'must have at most 500 characters');
  if (violations.length > 0 || kind === undefined) throw invalidFields(violations);
  return { kind, subjectId: kind === 'ORGANIZATION' ? org : subjectId.toLowerCase(), note };
}

/** Writes a hold as the API shows it. */
export function writeHold({ id, kind, subjectId, note, createdBy, createdAt, releasedAt }: StoredHold): Hold {
  return {
    ...{ id, kind: WIRE_KINDS[kind], note },
    subjectId: kind === 'ORGANIZATION' ? '' : subjectId,
    createTime: createdAt,
    caller: createdBy,
    releaseTime: releasedAt ?? undefined,
  };
}

/** What the audit log keeps of a hold: not the note, which people write and may name anybody in. */
export function auditedHold(hold: StoredHold): unknown {
  return Hold.toJSON({ ...writeHold(hold), note: '' });
}
