import { createHmac } from 'node:crypto';
import { normalisePhone } from '@herald/addressing';
import type { Tx } from '@herald/postgres';
import type { Contact } from '../accept/plan-contacts';
import type { RequestPart } from '../accept/send-outbound-messages';
import { addAddresses, advanceStream, findAddresses, type StoredStream } from './stream-store';

/** Enough that two addresses of ten million never have one hash. */
const HASH_BYTES = 16;

/** The contacts of one request of a stream, and what the stream knows of their addresses. */
interface StreamPart extends Omit<RequestPart, 'add'> {
  /** Moves the stream on behind these contacts; false where that was done before. */
  add(tx: Tx, accepted: readonly number[]): Promise<boolean>;
}

/** Makes the part of a stream that begins at the offset. */
export function streamPart(stream: StoredStream, offset: number, contacts: readonly Contact[]): StreamPart {
  const addresses = contacts.map(({ toContactId }) => {
    const address = normalisePhone(toContactId);
    return address.kind === 'phone' ? address.e164 : undefined;
  });
  const hashOf = new Map<string, Buffer>();
  for (const address of addresses) {
    if (address !== undefined && !hashOf.has(address)) hashOf.set(address, hashed(stream.salt, address));
  }
  return {
    contactsMax: stream.requestSize,
    known: async (tx) => {
      const seen = await findAddresses(tx, stream, [...hashOf.values()]);
      const optedOutByHash = new Map(seen.map(({ hash, optedOut }) => [hash.toString('hex'), optedOut]));
      const of = (isOptedOut: boolean) =>
        [...hashOf].filter(([, hash]) => optedOutByHash.get(hash.toString('hex')) === isOptedOut);
      return {
        accepted: new Set(of(false).map(([address]) => address)),
        optedOut: new Set(of(true).map(([address]) => address)),
      };
    },
    add: async (tx, accepted) => {
      if (!(await advanceStream(tx, stream, offset, contacts.length))) return false;
      const seen = new Map<string, boolean>();
      for (const index of accepted) seen.set(addresses[index] ?? '', false);
      contacts.forEach(({ optin }, index) => {
        if (optin === false) seen.set(addresses[index] ?? '', true);
      });
      const rows = [...hashOf].flatMap(([address, hash]) => {
        const optedOut = seen.get(address);
        return optedOut === undefined ? [] : [{ hash, optedOut }];
      });
      await addAddresses(tx, stream, rows);
      return true;
    },
  };
}

function hashed(salt: Buffer, address: string): Buffer {
  return createHmac('sha256', salt).update(address).digest().subarray(0, HASH_BYTES);
}
