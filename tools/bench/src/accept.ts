import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Contact, SendOutboundMessagesRequest } from '@herald/contracts/dispatch';
import type { Connection } from '@herald/herald-cli';
import type { Organisation } from './organisations';

/** What callers were told. */
export interface Acceptance {
  /** Contacts that became messages. */
  accepted: number;
  seconds: number;
  /** Of each request. */
  latenciesMs: number[];
}

/** How requests are made. */
export interface AcceptSettings {
  organisations: readonly Organisation[];
  /** Requests under way at once. */
  callers: number;
  /** When messages may leave; undefined sends them at once. */
  readyTime?: Date | undefined;
  /** Whether another request of so many contacts is to be made, after so many were begun. */
  goesOn(begun: number): boolean;
  /** Whether it has to wait a moment, because too much is under way. */
  mustWait?(accepted: number): boolean;
}

/** The documented bound of a request. */
export const CONTACTS_PER_REQUEST = 100;
const WAIT_MS = 5;
/** A request that waits behind others for the two cores takes its time. */
const DEADLINE_MS = 60_000;

/** Sends requests of up to a hundred contacts, in turn for every sender of every organisation, until it is enough. */
export async function accept(settings: AcceptSettings): Promise<Acceptance> {
  const { organisations, callers, readyTime, goesOn, mustWait = () => false } = settings;
  const senders = organisations.flatMap(({ connection, configurationIds }) =>
    configurationIds.map((configurationId) => ({ connection, configurationId })),
  );
  const latenciesMs: number[] = [];
  const startedAtMs = performance.now();
  let [begun, accepted, turn] = [0, 0, 0];
  const call = async () => {
    while (goesOn(begun)) {
      if (mustWait(accepted)) {
        await pause(WAIT_MS);
        continue;
      }
      const sender = senders[turn++ % senders.length];
      if (!sender) throw new Error('there is nobody to send for');
      begun += CONTACTS_PER_REQUEST;
      const beganAtMs = performance.now();
      const contacts = CONTACTS_PER_REQUEST;
      const ids = await send(sender.connection, sender.configurationId, { contacts, readyTime });
      accepted += ids.length;
      latenciesMs.push(performance.now() - beganAtMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return { accepted, seconds: (performance.now() - startedAtMs) / 1000, latenciesMs };
}

/** Sends one request to people nobody else is, and returns the ids of the messages. Throws where a contact gets none. */
export async function send(
  { dispatch }: Pick<Connection, 'dispatch'>,
  outboundConfigurationId: string,
  { contacts, readyTime }: { contacts: number; readyTime?: Date | undefined },
): Promise<string[]> {
  const request = SendOutboundMessagesRequest.fromPartial({
    ...{ requestId: randomUUID(), outboundConfigurationId },
    contacts: Array.from({ length: contacts }, nextContact),
    ...(readyTime === undefined ? {} : { readyTime }),
  });
  const { results } = await dispatch.sendOutboundMessages(request, { deadlineMs: DEADLINE_MS });
  const ids = results.flatMap(({ outcome }) => (outcome?.$case === 'accepted' ? [outcome.value.messageId] : []));
  if (ids.length !== contacts) throw new Error(`of ${contacts} contacts ${ids.length} were accepted`);
  return ids;
}

/** German mobile numbers, one after the other, for a hundred million of them; nothing is sent to any. */
const FIRST_NUMBER = 100_000_000;
let numbered = 0;

function nextContact(): Contact {
  const number = String(FIRST_NUMBER + numbered++);
  return Contact.fromPartial({
    toContactId: `+4915${number}`,
    optin: true,
    locale: 'en-US',
    contextItems: { CustomerName: 'Ana', OrderNumber: number, DeliveryDate: '1.12.' },
  });
}
