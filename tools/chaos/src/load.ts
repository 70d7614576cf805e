import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { DeliveryGuarantee } from '@herald/contracts/configuration';
import { Contact, SendOutboundMessagesRequest, type SendOutboundMessagesResponse } from '@herald/contracts/dispatch';
import type { Connection } from '@herald/herald-cli';
import type { AcceptedMessage } from './judge';

/** Somebody who sends. */
export interface Caller {
  dispatch: Connection['dispatch'];
  outboundConfigurationId: string;
}

/** A request, and the answer that its caller got. */
export interface Told {
  caller: Caller;
  request: SendOutboundMessagesRequest;
  answer: SendOutboundMessagesResponse;
}

/** Requests under way all the time, from several organisations. */
export interface Load {
  readonly accepted: readonly AcceptedMessage[];
  readonly told: readonly Told[];
  /** The longest that a request took until it was accepted, with all repeats. */
  longestRequestMs(): number;
  /** How often a call failed beyond what the client repeats itself, and was repeated with its id. */
  repeats(): number;
  /** Ends when the requests under way are accepted. Throws what no repeat mends. */
  stop(): Promise<void>;
}

const REQUEST_EVERY_MS = 400;
const CONTACTS_PER_REQUEST = 4;
const REPEAT_AFTER_MS = 100;
const DEADLINE_MS = 5_000;
/** A caller that repeats for so long without an answer tells of a system that does not come back. */
const ANSWER_WITHIN_MS = 90_000;

/** Begins to send for each caller, four contacts every 400 ms, until it is stopped. */
export function beginLoad(callers: readonly Caller[]): Load {
  const accepted: AcceptedMessage[] = [];
  const told: Told[] = [];
  const stopping = new AbortController();
  let longestMs = 0;
  let repeats = 0;
  const send = async (caller: Caller, guarantee: AcceptedMessage['guarantee']) => {
    const startedAtMs = performance.now();
    const request = requestTo(caller.outboundConfigurationId, guarantee);
    const answer = await insistently(
      () => caller.dispatch.sendOutboundMessages(request, { deadlineMs: DEADLINE_MS }),
      () => (repeats += 1),
    );
    longestMs = Math.max(longestMs, performance.now() - startedAtMs);
    told.push({ caller, request, answer });
    const acceptedAtMs = Date.now();
    for (const { outcome } of answer.results) {
      if (outcome?.$case !== 'accepted') throw new Error('a contact of the load was not accepted');
      accepted.push({ id: outcome.value.messageId, acceptedAtMs, guarantee });
    }
  };
  const sending = callers.map(async (caller, at) => {
    const guarantee = at % 2 === 0 ? 'AT_MOST_ONCE' : 'AT_LEAST_ONCE';
    while (!stopping.signal.aborted) {
      await Promise.all([send(caller, guarantee), pause(REQUEST_EVERY_MS)]);
    }
  });
  // Heard when it is stopped; until then the others go on.
  for (const each of sending) each.catch(() => undefined);
  return {
    ...{ accepted, told },
    longestRequestMs: () => Math.round(longestMs),
    repeats: () => repeats,
    stop: async () => {
      stopping.abort();
      await Promise.all(sending);
    },
  };
}

/** Sends a request again, and says whether it got the answer that it got first. */
export async function repeatsAgree({ caller, request, answer }: Told): Promise<boolean> {
  const again = await insistently(
    () => caller.dispatch.sendOutboundMessages(request, { deadlineMs: DEADLINE_MS }),
    () => undefined,
  );
  return isDeepStrictEqual(again, answer);
}

/** Repeats a call with its id, as a caller does who does not know what became of it, whatever the error was. */
export async function insistently<T>(call: () => Promise<T>, onRepeat: () => void): Promise<T> {
  const deadline = performance.now() + ANSWER_WITHIN_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      onRepeat();
      await pause(REPEAT_AFTER_MS);
    }
  }
}

let numbered = 0;

/** A request to people nobody else is: German mobile numbers, one after the other. */
function requestTo(
  outboundConfigurationId: string,
  guarantee: AcceptedMessage['guarantee'],
): SendOutboundMessagesRequest {
  const contacts = Array.from({ length: CONTACTS_PER_REQUEST }, () =>
    Contact.fromPartial({
      toContactId: `+4915${String(100_000_000 + numbered++)}`,
      optin: true,
      locale: 'de-DE',
      contextItems: { CustomerName: 'Ana', OrderNumber: 'A-1', DeliveryDate: '1.12.' },
    }),
  );
  return SendOutboundMessagesRequest.fromPartial({
    ...{ requestId: randomUUID(), outboundConfigurationId, contacts },
    deliveryGuarantee: DeliveryGuarantee[guarantee],
  });
}
