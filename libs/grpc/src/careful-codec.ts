import type { MethodDefinition } from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { SEND_BYTES_MAX } from './limits';

/** Stands for a request whose bytes are no message of the method, so that the handler's wrapper can say so. */
const MALFORMED = Symbol('malformed');

/** Lets malformed requests through to our own answer, and sends answers that are serialised already. */
export function carefulCodec(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  return {
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return method.requestDeserialize(bytes);
      } catch {
        // Why the bytes cannot be read is of no use to a caller and may quote them.
        return MALFORMED;
      }
    },
    responseSerialize: (bytes) => bytes as Buffer,
  };
}

/** A request as it was read. Throws REQUEST_MALFORMED where it could not be. */
export function wellFormed(message: unknown): unknown {
  if (message !== MALFORMED) return message;
  throw new HeraldError('REQUEST_MALFORMED', 'The bytes are not a message of this method. Regenerate the client.');
}

/** An answer as it is sent. Throws MESSAGE_TOO_LARGE. */
export function serialised(bytes: Buffer): Buffer {
  if (bytes.byteLength <= SEND_BYTES_MAX) return bytes;
  throw new HeraldError('MESSAGE_TOO_LARGE', `The answer exceeds ${SEND_BYTES_MAX} bytes. Ask for less at once.`, {
    metadata: { bytesMax: String(SEND_BYTES_MAX) },
  });
}
