import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** What grpc-js unpacks a message by. It is not public; without it no call with a stream of requests gets through, as specs say. */
interface Unpacking {
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
}

/**
 * Lets a message be unpacked when it is asked for. By itself grpc-js unpacks all that a frame of HTTP/2 brings at once: its
 * 16 KiB hold fifteen messages of a megabyte each, for as long as the handler is busy with the first.
 */
export function unpackOnDemand(call: ServerInterceptingCallInterface): void {
  const unpacking = call as unknown as Unpacking;
  const unpack = unpacking.decompressMessage.bind(call);
  const read = call.startRead.bind(call);
  const packed: (() => void)[] = [];
  let asked = 0;
  unpacking.decompressMessage = async (message, encoding) => {
    if (asked > 0) asked -= 1;
    else await new Promise<void>((go) => packed.push(go));
    return unpack(message, encoding);
  };
  call.startRead = () => {
    const go = packed.shift();
    if (go === undefined) asked += 1;
    else go();
    read();
  };
}
