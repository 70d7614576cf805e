import { SendOutboundMessagesRequest, type Contact, type ContactResult } from '@herald/contracts/dispatch';
import { v5 as uuidv5 } from 'uuid';
import type { Connection } from './connect';
import { patiently, type OnWait } from './patiently';

/** What came of one request of a list. */
export interface SentRequest {
  id: string;
  /** Where the request's first contact stands in the list. */
  offset: number;
  results: readonly ContactResult[];
}

/** A list of contacts, and the id under which it is sent once. */
export interface ContactList {
  listId: string;
  outboundConfigurationId: string;
  contacts: readonly Contact[];
}

/** What is called to send a list. */
export interface Dispatching {
  dispatch: Pick<Connection['dispatch'], 'sendOutboundMessages' | 'streamOutboundMessages'>;
}

/** Sends a part of a list as the request that it is, or asks what was answered when it was sent before. */
export async function sendPart(
  { dispatch }: { dispatch: Pick<Connection['dispatch'], 'sendOutboundMessages'> },
  { listId, outboundConfigurationId, contacts }: ContactList,
  { from, size }: { from: number; size: number },
  onWait?: OnWait,
): Promise<SentRequest> {
  const request = SendOutboundMessagesRequest.fromPartial({
    requestId: uuidv5(String(from / size), listId),
    outboundConfigurationId,
    contacts: contacts.slice(from, from + size),
  });
  const { outboundRequest, results } = await patiently(() => dispatch.sendOutboundMessages(request), onWait);
  return { id: outboundRequest?.id ?? '', offset: from, results };
}
