import { HeraldError, invalidFields, type FieldReason, type FieldViolation } from '@herald/errors';
import { validate as isUuid } from 'uuid';

const NAME_LENGTH_MAX = 200;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** Collects what is wrong with a request, to be told at once. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  add(field: string, reason: FieldReason, description: string): void {
    this.#found.push({ field, reason, description });
  }

  /** Reads a UUID, in its one spelling. */
  uuid(field: string, value: string): string {
    if (!isUuid(value)) this.add(field, value === '' ? 'FIELD_REQUIRED' : 'FIELD_MALFORMED', 'must be a UUID');
    return value.toLowerCase();
  }

  /** Reads a name for people. */
  name(field: string, value: string): string {
    const name = value.trim();
    if (name === '') this.add(field, 'FIELD_REQUIRED', 'must have 1 to 200 characters');
    if (name.length > NAME_LENGTH_MAX) this.add(field, 'FIELD_TOO_LONG', 'must have 1 to 200 characters');
    if (CONTROL_CHARACTER.test(name)) this.add(field, 'FIELD_MALFORMED', 'must not have control characters');
    return name;
  }

  /** Throws INVALID_FIELD with all that was collected, if anything was. */
  refuse(): void {
    if (this.#found.length > 0) throw invalidFields(this.#found);
  }
}

/** Reads an id that is all of a request. */
export function readId(field: string, value: string): string {
  const violations = new Violations();
  const id = violations.uuid(field, value);
  violations.refuse();
  return id;
}

/** Names are compared without regard to case and to how accents are composed. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** Values of fields that stay as they were created with, by the names of the mask. */
export type Immutable = Readonly<Record<string, string>>;

/** Of each field that an update may change whether it is given a value, and what is given of those that stay. */
export interface GivenFields<Field extends string> {
  isSet: Readonly<Record<Field, boolean>>;
  immutable: Immutable;
}

/** What an update is to change, and what it gives of fields that stay; nothing of these where a mask leaves them out. */
export interface Changes<Field extends string> {
  fields: ReadonlySet<Field>;
  immutable: Immutable;
}

/**
 * Reads what an update is to change: the fields of its mask, or with an empty mask those that are set. Throws
 * FIELD_MASK_INVALID for each path that may not be changed.
 */
export function readChanges<Field extends string>(
  mask: readonly string[] = [],
  { isSet, immutable }: GivenFields<Field>,
): Changes<Field> {
  const changeable = Object.keys(isSet) as Field[];
  if (mask.length === 0) return { fields: new Set(changeable.filter((field) => isSet[field])), immutable };
  const description = `must be one of ${changeable.join(', ')}`;
  const violations = mask.flatMap((path, index): FieldViolation[] => {
    if (Object.hasOwn(isSet, path)) return [];
    const reason = Object.hasOwn(immutable, path) ? 'FIELD_IMMUTABLE' : 'FIELD_UNKNOWN_VALUE';
    return [{ field: `update_mask.paths[${index}]`, reason, description }];
  });
  if (violations.length === 0) return { fields: new Set(mask as readonly Field[]), immutable: {} };
  throw new HeraldError('FIELD_MASK_INVALID', `The update mask may name ${changeable.join(', ')}. Correct the mask.`, {
    metadata: { changeable: changeable.join(' ') },
    violations,
  });
}

/** Throws INVALID_FIELD where an update gives another value for what stays; what is empty or unspecified is not given. */
export function refuseImmutable(message: string, given: Immutable, stored: Immutable): void {
  const violations = new Violations();
  for (const [field, value] of Object.entries(given)) {
    const isGiven = value !== '' && !value.endsWith('_UNSPECIFIED');
    if (isGiven && value !== stored[field])
      violations.add(`${message}.${field}`, 'FIELD_IMMUTABLE', 'stays as it was created with');
  }
  violations.refuse();
}
