import { randomUUID } from 'node:crypto';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import type {
  Contact,
  SendOutboundMessagesResponse,
  StreamOpening,
  StreamOutboundMessagesRequest,
  StreamOutboundMessagesResponse,
} from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import type { Dispatch } from './open-doors';

/** What came of one connection of a stream. */
export interface Streamed {
  resumeFrom: number | undefined;
  contactsPerRequest: number | undefined;
  accepted: SendOutboundMessagesResponse[];
  heartbeats: Date[];
  error: HeraldError | undefined;
}

/** How a connection of a stream goes. */
export interface StreamChoice {
  /** Contacts in each step; 40 if left out. */
  framing?: number;
  signal?: AbortSignal;
  /** The caller says nothing more after its contacts before this. */
  hold?: Promise<unknown>;
  /** Told of each answer as it comes. */
  onStep?: (kind: string, streamed: Streamed) => void;
}

/** The opening of a stream, under an id of its own. */
export function openingOf(changes: Partial<StreamOpening> = {}): StreamOpening {
  return {
    ...{ streamId: randomUUID(), outboundConfigurationId: randomUUID(), validFor: undefined },
    ...{ deliveryGuarantee: DeliveryGuarantee.UNSPECIFIED, purpose: Purpose.UNSPECIFIED },
    ...changes,
  };
}

/** The first step of a stream. */
export function openingStep(opening: StreamOpening): StreamOutboundMessagesRequest {
  return { step: { $case: 'opening', value: opening } };
}

/** A step with contacts. */
export function contactsStep(contacts: Contact[]): StreamOutboundMessagesRequest {
  return { step: { $case: 'contacts', value: { contacts } } };
}

/** Streams a list from where the service says, as a client does; over one connection, and without a second try. */
export async function streamContacts(
  dispatch: Dispatch,
  opening: StreamOpening,
  contacts: readonly Contact[],
  { framing = 40, signal, hold, onStep }: StreamChoice = {},
): Promise<Streamed> {
  const resumption = Promise.withResolvers<number>();
  async function* steps() {
    yield openingStep(opening);
    for (let from = await resumption.promise; from < contacts.length; from += framing) {
      yield contactsStep(contacts.slice(from, from + framing));
    }
    await hold;
  }
  const streamed = await streamSteps(dispatch, steps(), {
    ...(signal && { signal }),
    onStep: (kind, so) => {
      if (kind === 'resumption') resumption.resolve(so.resumeFrom ?? 0);
      onStep?.(kind, so);
    },
  });
  // Otherwise the source of a stream that broke early would wait for ever.
  resumption.resolve(Infinity);
  return streamed;
}

/** Streams these steps, whatever they are. */
export async function streamSteps(
  dispatch: Dispatch,
  steps: AsyncIterable<StreamOutboundMessagesRequest>,
  { signal, onStep }: Pick<StreamChoice, 'signal' | 'onStep'> = {},
): Promise<Streamed> {
  const streamed: Streamed = {
    ...{ resumeFrom: undefined, contactsPerRequest: undefined, accepted: [], heartbeats: [], error: undefined },
  };
  try {
    for await (const { step } of dispatch.streamOutboundMessages(steps, signal ? { signal } : {})) {
      note(streamed, step);
      onStep?.(step?.$case ?? '', streamed);
    }
  } catch (error) {
    if (!(error instanceof HeraldError)) throw error;
    streamed.error = error;
  }
  return streamed;
}

function note(streamed: Streamed, step: StreamOutboundMessagesResponse['step']): void {
  if (step?.$case === 'resumption') Object.assign(streamed, step.value);
  if (step?.$case === 'accepted') streamed.accepted.push(step.value);
  if (step?.$case === 'heartbeat') streamed.heartbeats.push(step.value.nextAvailableTime ?? new Date(NaN));
}
