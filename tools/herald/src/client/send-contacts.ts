import { sendPart, type ContactList, type Dispatching, type SentRequest } from './contact-list';
import type { OnWait } from './patiently';
import { streamContacts } from './stream-contacts';

/** The documented bound of a request; a longer list is streamed. */
export const CONTACTS_PER_REQUEST = 100;

/**
 * Sends a list: one request where it fits, else a stream. The ids of its requests follow from `listId`, so that sending
 * the same list again after a crash of whoever sends it repeats no message. Waits as long as Herald says when the hour's
 * requests are used up, and tries again when it does not answer. `onSent` is told of each request as it is accepted; what
 * was accepted before stands in what is returned, by the offsets of the list.
 */
export async function sendContacts(
  dispatching: Dispatching,
  list: ContactList,
  hooks: { onSent: (request: SentRequest) => void; onWait?: OnWait },
): Promise<SentRequest[]> {
  if (list.contacts.length > CONTACTS_PER_REQUEST) return streamContacts(dispatching, list, hooks);
  const sent = await sendPart(dispatching, list, { from: 0, size: CONTACTS_PER_REQUEST }, hooks.onWait);
  hooks.onSent(sent);
  return [sent];
}
