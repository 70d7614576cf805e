import { setTimeout as pause } from 'node:timers/promises';
import {
  Contact,
  SendOutboundMessagesResponse,
  StreamOpening,
  type StreamOutboundMessagesRequest,
  type StreamOutboundMessagesResponse,
} from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import type { Caller, StreamContext } from '@herald/grpc';
import { repeatable, type Repeatable } from '@herald/postgres';
import { v5 as uuidv5 } from 'uuid';
import { sendOutboundMessages, type AcceptDeps, type RequestPart } from '../accept/send-outbound-messages';
import { readSendCommand } from '../accept/wire';
import { chunksOf } from './chunks';
import { atOffset, readSteps, type Opening } from './read-steps';
import { streamPart } from './stream-part';
import { closeStream, findStream, insertStream, type StoredStream } from './stream-store';

/** No request of a stream has more contacts; the organisation's own limit counts where it is lower. */
const CONTACTS_PER_REQUEST_MAX = 100;
/** What the contacts of a request have at most: as many fit in SendOutboundMessages, which asks for its answer again. */
const CONTACTS_BYTES = { bytesMax: 1_000_000, bytesOf: (contact: Contact) => Contact.encode(contact).finish().length };
/** A stream has a hash for each of its addresses in the database until it is closed: a gigabyte and a half of them. */
export const STREAM_CONTACTS_MAX = 10_000_000;
/** A stream that waits for the quota says so, and looks again, this often at least and at most. */
const HEARTBEAT_MS = 5_000;
const LOOK_MS_MIN = 200;

/** One stream while it is open. */
interface Streaming {
  deps: AcceptDeps;
  context: StreamContext & { caller: Caller & { kind: 'user' } };
  opening: Opening;
  stream: StoredStream;
}

/**
 * Accepts the contacts of a stream in requests of a hundred, each by the use case of SendOutboundMessages and under an id
 * that follows from the stream's: contacts that were accepted are never accepted again, whatever breaks. It says first
 * from where to go on, waits for the quota, and throws REQUEST_ID_REUSED where other contacts stand under an id.
 *
 * A crash, or a cut, before a request's commit leaves the stream as it was; after it the stream goes on behind it. What was
 * read and made no whole request is forgotten, and is sent again by whoever goes on from where the stream says.
 */
export async function* streamOutboundMessages(
  deps: AcceptDeps,
  context: Streaming['context'],
  steps: AsyncIterable<StreamOutboundMessagesRequest>,
): AsyncGenerator<StreamOutboundMessagesResponse> {
  const { opening, contacts } = await readSteps(steps);
  const stream = await openStream(deps, context, opening);
  const streaming = { deps, context, opening, stream };
  yield {
    step: {
      $case: 'resumption',
      value: { resumeFrom: stream.contacts, contactsPerRequest: stream.requestSize },
    },
  };
  let offset = stream.contacts;
  try {
    for await (const chunk of chunksOf(contacts, stream.requestSize, CONTACTS_BYTES)) {
      yield* acceptPatiently(streaming, offset, chunk);
      offset += chunk.length;
    }
    if (offset === 0) throw noContacts();
  } catch (error) {
    throw atOffset(error, offset);
  }
  await deps.database.transaction(context.org, (tx) => closeStream(tx, stream));
}

async function openStream(deps: AcceptDeps, context: Streaming['context'], opening: Opening): Promise<StoredStream> {
  const { database, configurations, newId } = deps;
  const { streamId } = opening;
  const outboundConfigurationId = opening.outboundConfigurationId.toLowerCase();
  const { key, requestHash }: Repeatable = repeatable(context, 'StreamOutboundMessages', {
    requestId: streamId,
    // As it is encoded, like a request: a field that a later version adds, and nobody sets, makes it no other.
    content: StreamOpening.encode({ ...opening, streamId: '', outboundConfigurationId }).finish(),
  });
  let stream = await database.read(key.org, (tx) => findStream(tx, key));
  if (!stream) {
    // Only a stream that begins asks: one that is complete is told so whatever became of its configuration.
    const configuration = await configurations.resolve(key.org, opening.outboundConfigurationId, context.signal);
    const requestSize = Math.min(CONTACTS_PER_REQUEST_MAX, configuration.contactsPerRequestMax);
    const begun = { id: newId(), openingHash: requestHash, requestSize };
    stream = await database.transaction(key.org, (tx) => insertStream(tx, key, begun));
  }
  if (!stream.openingHash.equals(requestHash)) throw reused(streamId, 0, 'was opened with other settings');
  return stream;
}

/** Accepts the contacts as one request. While the quota is used up it says so, and goes on by itself. */
async function* acceptPatiently(
  streaming: Streaming,
  offset: number,
  contacts: Contact[],
): AsyncGenerator<StreamOutboundMessagesResponse> {
  const { deps, context, opening, stream } = streaming;
  if (stream.isClosed) throw reused(opening.streamId, offset, 'is complete');
  if (offset + contacts.length > STREAM_CONTACTS_MAX) throw tooMany();
  for (;;) {
    try {
      yield { step: { $case: 'accepted', value: await accept(streaming, offset, contacts) } };
      return;
    } catch (error) {
      if (!(error instanceof HeraldError) || error.reason !== 'HOURLY_REQUESTS_EXHAUSTED') throw error;
      const waitMs = error.detail.retryAfterMs ?? HEARTBEAT_MS;
      const nextAvailableTime = new Date(deps.now().getTime() + waitMs);
      yield { step: { $case: 'heartbeat', value: { nextAvailableTime } } };
      const lookInMs = Math.min(HEARTBEAT_MS, Math.max(LOOK_MS_MIN, waitMs));
      await pause(lookInMs, undefined, { signal: context.signal });
    }
  }
}

async function accept(
  { deps, context, opening, stream }: Streaming,
  offset: number,
  contacts: Contact[],
): Promise<SendOutboundMessagesResponse> {
  const { streamId, ...settings } = opening;
  const requestId = uuidv5(String(offset / stream.requestSize), streamId);
  const command = readSendCommand({ ...settings, requestId, contacts }, context.caller, deps.now(), offset);
  const part = streamPart(stream, offset, command.contacts);
  const added: RequestPart = {
    ...part,
    add: async (tx, accepted) => {
      if (!(await part.add(tx, accepted))) throw reused(streamId, offset, 'is complete');
    },
  };
  const answer = await sendOutboundMessages(deps, context, { ...command, part: added });
  const response = SendOutboundMessagesResponse.decode(answer.response);
  // A connection that broke was faster, and moved the stream on; or SendOutboundMessages, which did not.
  if (answer.isRepeat) await deps.database.transaction(context.org, (tx) => part.add(tx, acceptedOf(response)));
  return response;
}

function acceptedOf({ results }: SendOutboundMessagesResponse): number[] {
  return results.filter(({ outcome }) => outcome?.$case === 'accepted').map(({ index }) => index);
}

function reused(streamId: string, offset: number, why: string): HeraldError {
  const text = `The stream ${why}. Use a new stream_id for other contacts, or go on as it was begun.`;
  return new HeraldError('REQUEST_ID_REUSED', text, { metadata: { streamId, offset: String(offset) } });
}

function tooMany(): HeraldError {
  const text = `A stream has at most ${STREAM_CONTACTS_MAX} contacts. Send the rest under a new stream_id.`;
  return new HeraldError('TOO_MANY_CONTACTS', text, { metadata: { contactsMax: String(STREAM_CONTACTS_MAX) } });
}

function noContacts(): HeraldError {
  const description = 'The stream has no contacts. Send at least one before it ends.';
  return new HeraldError('NO_CONTACTS', description, { violations: [{ field: 'contacts', description }] });
}
