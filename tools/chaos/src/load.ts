import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Contact, SendOutboundMessagesRequest } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import type { Connection } from '@herald/herald-cli';
import type { AcceptedMessage } from './judge';

/** Somebody who sends. */
export interface Caller {
  dispatch: Connection['dispatch'];
  outboundConfigurationId: string;
}

/** Requests under way all the time, from several organisations. */
export interface Load {
  readonly accepted: readonly AcceptedMessage[];
  /** The longest that a request took until it was accepted, with all repeats. */
  longestRequestMs(): number;
  /** How often a call failed beyond what the client repeats itself, and was repeated with its id. */
  repeats(): number;
  /** Ends when the requests under way are accepted. Throws what no repeat mends. */
  stop(): Promise<void>;
}

const REQUEST_EVERY_MS = 500;
const CONTACTS_PER_REQUEST = 5;
const REPEAT_AFTER_MS = 100;
const DEADLINE_MS = 5_000;

/** Begins to send for each caller, two requests of five contacts a second, until it is stopped. */
export function beginLoad(callers: readonly Caller[]): Load {
  const accepted: AcceptedMessage[] = [];
  const stopping = new AbortController();
  let longestMs = 0;
  let repeats = 0;
  const send = async ({ dispatch, outboundConfigurationId }: Caller) => {
    const startedAtMs = performance.now();
    const request = requestTo(outboundConfigurationId);
    const { results } = await insistently(
      () => dispatch.sendOutboundMessages(request, { deadlineMs: DEADLINE_MS }),
      () => (repeats += 1),
    );
    longestMs = Math.max(longestMs, performance.now() - startedAtMs);
    const acceptedAtMs = Date.now();
    for (const { outcome } of results) {
      if (outcome?.$case !== 'accepted') throw new Error('a contact of the load was not accepted');
      accepted.push({ id: outcome.value.messageId, acceptedAtMs });
    }
  };
  const sending = callers.map(async (caller) => {
    while (!stopping.signal.aborted) {
      await Promise.all([send(caller), pause(REQUEST_EVERY_MS)]);
    }
  });
  // Heard when it is stopped; until then the others go on.
  for (const each of sending) each.catch(() => undefined);
  return {
    accepted,
    longestRequestMs: () => Math.round(longestMs),
    repeats: () => repeats,
    stop: async () => {
      stopping.abort();
      await Promise.all(sending);
    },
  };
}

/** Repeats a call for as long as Herald says that it may be repeated. */
async function insistently<T>(call: () => Promise<T>, onRepeat: () => void): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // A repeat of the client may have had too little time left; ours has all of it again.
      const mayRepeat = error instanceof HeraldError && (error.retryable || error.reason === 'DEADLINE_TOO_SHORT');
      if (!mayRepeat) throw error;
      onRepeat();
      await pause(REPEAT_AFTER_MS);
    }
  }
}

let numbered = 0;

/** A request to people nobody else is: German mobile numbers, one after the other. */
function requestTo(outboundConfigurationId: string): SendOutboundMessagesRequest {
  const contacts = Array.from({ length: CONTACTS_PER_REQUEST }, () =>
    Contact.fromPartial({
      toContactId: `+4915${String(100_000_000 + numbered++)}`,
      optin: true,
      locale: 'de-DE',
      contextItems: { CustomerName: 'Ana', OrderNumber: 'A-1', DeliveryDate: '1.12.' },
    }),
  );
  return SendOutboundMessagesRequest.fromPartial({ requestId: randomUUID(), outboundConfigurationId, contacts });
}
