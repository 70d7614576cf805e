import type {
  Contact,
  SendOutboundMessagesRequest,
  StreamOpening,
  StreamOutboundMessagesRequest,
} from '@herald/contracts/dispatch';
import { HeraldError, invalidFields } from '@herald/errors';
import { validate as isUuid } from 'uuid';
import { overrideViolations } from '../accept/wire';

/** One message of a stream brings so many contacts at most. */
const CONTACTS_PER_STEP_MAX = 500;

/** What all requests of a stream have in common. */
export type Opening = StreamOpening & Pick<SendOutboundMessagesRequest, 'readyTime'>;

/** A stream as it was opened, and its contacts as they arrive, read when they are asked for. */
export interface Steps {
  opening: Opening;
  contacts: AsyncIterable<readonly Contact[]>;
}

/** Reads the opening of a stream. Throws INVALID_FIELD with all that is wrong, also later for a step that is none. */
export async function readSteps(steps: AsyncIterable<StreamOutboundMessagesRequest>): Promise<Steps> {
  const iterator = steps[Symbol.asyncIterator]();
  const first = await iterator.next();
  const opening = readOpening(first.done === true ? undefined : first.value.step);
  return { opening, contacts: restOf(iterator) };
}

function readOpening(step: StreamOutboundMessagesRequest['step']): Opening {
  if (step?.$case !== 'opening') {
    const description = 'must come first: it names the stream and the configuration';
    throw invalidFields([{ field: 'opening', reason: 'FIELD_REQUIRED', description }]);
  }
  const { value } = step;
  const violations = overrideViolations(value);
  if (!isUuid(value.streamId)) {
    const description = 'must be a UUID made by the caller, the same to take the stream up again';
    violations.unshift({ field: 'stream_id', reason: 'FIELD_MALFORMED', description });
  }
  if (violations.length > 0) {
    throw invalidFields(violations.map(({ field, ...rest }) => ({ ...rest, field: `opening.${field}` })));
  }
  return { ...value, streamId: value.streamId.toLowerCase(), readyTime: undefined };
}

async function* restOf(iterator: AsyncIterator<StreamOutboundMessagesRequest>): AsyncGenerator<readonly Contact[]> {
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    yield readContacts(next.value.step);
  }
}

function readContacts(step: StreamOutboundMessagesRequest['step']): readonly Contact[] {
  if (step?.$case === 'opening') {
    const description = 'is there already: contacts follow it';
    throw invalidFields([{ field: 'opening', reason: 'FIELD_NOT_ALLOWED', description }]);
  }
  const contacts = step?.value.contacts ?? [];
  if (contacts.length === 0) {
    const description = 'has none; a step after the first brings at least one contact';
    throw invalidFields([{ field: 'contacts', reason: 'FIELD_REQUIRED', description }]);
  }
  if (contacts.length > CONTACTS_PER_STEP_MAX) {
    const description = `has ${contacts.length} contacts; at most ${CONTACTS_PER_STEP_MAX} come in a step`;
    throw invalidFields([{ field: 'contacts', reason: 'FIELD_TOO_MANY', description }]);
  }
  return contacts;
}

/** The same error, saying in front of which contact of the stream it stands: everything before is accepted. */
export function atOffset(error: unknown, offset: number): unknown {
  if (!(error instanceof HeraldError)) return error;
  const { reason, message, detail } = error;
  return new HeraldError(reason, message, { ...detail, metadata: { ...detail.metadata, offset: String(offset) } });
}
