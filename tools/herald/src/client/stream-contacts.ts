import {
  StreamOpening,
  type StreamOutboundMessagesRequest,
  type StreamOutboundMessagesResponse,
} from '@herald/contracts/dispatch';
import { HeraldError, REASONS } from '@herald/errors';
import { AdviceError } from '../advice-error';
import { sendPart, type ContactList, type Dispatching, type SentRequest } from './contact-list';
import { patiently, type OnWait } from './patiently';

/** Contacts in a step; how a stream is framed makes no difference. */
const CONTACTS_PER_STEP = 100;

interface Hooks {
  onSent: (request: SentRequest) => void;
  onWait?: OnWait;
}

/** How far a list came, over all connections of its stream. */
interface Progress {
  sent: Map<number, SentRequest>;
  contactsPerRequest: number;
}

/**
 * Streams a list. A stream that breaks, or is told to go elsewhere, is taken up again where Herald says that it stands; so
 * is one that another run began. What it answered to nobody is asked for at the end, by the ids of the requests.
 */
export async function streamContacts(
  dispatching: Dispatching,
  list: ContactList,
  hooks: Hooks,
): Promise<SentRequest[]> {
  const progress: Progress = { sent: new Map(), contactsPerRequest: CONTACTS_PER_STEP };
  let before = 0;
  const getsOn = () => {
    const isFurther = progress.sent.size > before;
    before = progress.sent.size;
    return isFurther;
  };
  await patiently(() => streamOnce(dispatching, list, { progress, hooks }), hooks.onWait, getsOn);
  for (let offset = 0; offset < list.contacts.length; offset += progress.contactsPerRequest) {
    await answerAt(dispatching, list, progress, offset);
  }
  return [...progress.sent.values()].sort((one, other) => one.offset - other.offset);
}

/** One connection of the stream, from where it stands to its end. */
async function streamOnce(
  dispatching: Dispatching,
  list: ContactList,
  { progress, hooks }: { progress: Progress; hooks: Hooks },
): Promise<void> {
  const resumption = Promise.withResolvers<number>();
  const tellOfQuota = tellingOnce(hooks.onWait);
  let offset = 0;
  try {
    for await (const { step } of dispatching.dispatch.streamOutboundMessages(stepsOf(list, resumption.promise))) {
      if (step?.$case === 'resumption') {
        offset = await resumeAt(dispatching, list, progress, step.value);
        resumption.resolve(offset);
      } else if (step?.$case === 'accepted') {
        const { outboundRequest, results } = step.value;
        const sent = { id: outboundRequest?.id ?? '', offset, results };
        progress.sent.set(offset, sent);
        offset += results.length;
        hooks.onSent(sent);
      } else if (step?.$case === 'heartbeat') tellOfQuota(offset, step.value.nextAvailableTime);
    }
  } finally {
    // Of a stream that broke before it said where it stands.
    resumption.resolve(list.contacts.length);
  }
}

/** Tells of a wait for the quota once, however many heartbeats it has. */
function tellingOnce(onWait: OnWait | undefined): (offset: number, until: Date | undefined) => void {
  let toldAt = -1;
  return (offset, until) => {
    if (offset === toldAt) return;
    toldAt = offset;
    const waitMs = Math.max(0, (until?.getTime() ?? 0) - Date.now());
    onWait?.(new HeraldError('HOURLY_REQUESTS_EXHAUSTED', REASONS.HOURLY_REQUESTS_EXHAUSTED.text), waitMs);
  };
}

async function* stepsOf(
  { listId, outboundConfigurationId, contacts }: ContactList,
  resumption: Promise<number>,
): AsyncGenerator<StreamOutboundMessagesRequest> {
  const opening = StreamOpening.fromPartial({ streamId: listId, outboundConfigurationId });
  yield { step: { $case: 'opening', value: opening } };
  for (let from = await resumption; from < contacts.length; from += CONTACTS_PER_STEP) {
    yield { step: { $case: 'contacts', value: { contacts: contacts.slice(from, from + CONTACTS_PER_STEP) } } };
  }
}

type Resumption = Extract<StreamOutboundMessagesResponse['step'], { $case: 'resumption' }>['value'];

/** Where to go on. The request before it is asked for, so that another list is told from this one before any of it leaves. */
async function resumeAt(
  dispatching: Dispatching,
  list: ContactList,
  progress: Progress,
  { resumeFrom, contactsPerRequest }: Resumption,
): Promise<number> {
  progress.contactsPerRequest = contactsPerRequest;
  if (resumeFrom > list.contacts.length) {
    throw new AdviceError(
      `The stream ${list.listId} has ${resumeFrom} contacts, and the list ${list.contacts.length}: it is another list. ` +
        'Leave --stream-id out, or take a new one.',
    );
  }
  if (resumeFrom > 0) {
    const last = (Math.ceil(resumeFrom / contactsPerRequest) - 1) * contactsPerRequest;
    await answerAt(dispatching, list, progress, last);
  }
  return resumeFrom;
}

/** What the request at this place was answered, by the first of its answers; it was accepted before. */
async function answerAt(dispatching: Dispatching, list: ContactList, progress: Progress, from: number): Promise<void> {
  if (progress.sent.has(from)) return;
  progress.sent.set(from, await sendPart(dispatching, list, { from, size: progress.contactsPerRequest }));
}
