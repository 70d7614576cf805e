import { setTimeout as pause } from 'node:timers/promises';
import { SendOutboundMessagesRequest, type Contact, type ContactResult } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { v5 as uuidv5 } from 'uuid';
import type { Connection } from './connect';

/** What came of one request of a list. */
export interface SentRequest {
  id: string;
  /** Where the request's first contact stands in the list. */
  offset: number;
  results: readonly ContactResult[];
}

/** The documented bound of a request. */
const CONTACTS_PER_REQUEST = 100;
/** A call that may be repeated is tried so often, with this pause at least in between. */
const TRIES_MAX = 60;
const PAUSE_MS = 500;

/** Hears why a call waits, and for how many milliseconds. */
export type OnWait = (error: HeraldError, waitMs: number) => void;

/**
 * Sends a list in requests of a hundred. Their ids follow from `listId`, so that sending the same list again after a
 * crash of whoever sends it repeats no message. Waits as long as Herald says when the hour's requests are used up, and
 * tries again when it does not answer.
 */
export async function sendContacts(
  { dispatch }: { dispatch: Pick<Connection['dispatch'], 'sendOutboundMessages'> },
  list: { listId: string; outboundConfigurationId: string; contacts: readonly Contact[] },
  { onSent, onWait }: { onSent: (request: SentRequest) => void; onWait?: OnWait },
): Promise<SentRequest[]> {
  const sent: SentRequest[] = [];
  for (let offset = 0; offset < list.contacts.length; offset += CONTACTS_PER_REQUEST) {
    const contacts = list.contacts.slice(offset, offset + CONTACTS_PER_REQUEST);
    const request = SendOutboundMessagesRequest.fromPartial({
      requestId: uuidv5(String(offset), list.listId),
      outboundConfigurationId: list.outboundConfigurationId,
      contacts,
    });
    const response = await patiently(() => dispatch.sendOutboundMessages(request), onWait);
    const answered = { id: response.outboundRequest?.id ?? '', offset, results: response.results };
    sent.push(answered);
    onSent(answered);
  }
  return sent;
}

/** Repeats a call that Herald says may be repeated, or asks to come back later with. Tells of the first wait only. */
export async function patiently<T>(call: () => Promise<T>, onWait?: OnWait): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      const mayRepeat =
        error instanceof HeraldError && (error.retryable || error.reason === 'HOURLY_REQUESTS_EXHAUSTED');
      if (!mayRepeat || tries === TRIES_MAX) throw error;
      const waitMs = Math.max(PAUSE_MS, error.detail.retryAfterMs ?? 0);
      if (tries === 1) onWait?.(error, waitMs);
      await pause(waitMs);
    }
  }
}
