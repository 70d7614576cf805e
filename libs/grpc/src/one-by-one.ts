import type { ServerDuplexStream } from '@grpc/grpc-js';
import { moved } from './stream-life';

/**
 * The messages of a stream, each read from the connection when it is asked for. By itself grpc-js reads sixteen ahead, of
 * a megabyte each: so whoever sends faster than it is served is held back by HTTP/2, and not by our memory. It ends by
 * throwing what the signal says, or STREAM_IDLE.
 */
export async function* oneByOne(
  call: ServerDuplexStream<unknown, unknown>,
  signal: AbortSignal,
  checked: (message: unknown) => unknown,
): AsyncGenerator {
  const ask = readingOnDemand(call);
  let isOver = false;
  let wake = () => {};
  call.on('readable', () => wake());
  call.on('end', () => {
    isOver = true;
    wake();
  });
  for (;;) {
    signal.throwIfAborted();
    const message: unknown = call.read();
    if (message !== null) yield checked(message);
    else if (isOver) return;
    else {
      await moved<void>(signal, (done) => {
        wake = done;
        ask();
      });
    }
  }
}

/** Keeps a stream from reading by itself; the function that is returned lets it read once. */
function readingOnDemand(call: ServerDuplexStream<unknown, unknown>): () => void {
  const read = call._read.bind(call);
  let isAsked = false;
  let isHungry = false;
  call._read = (size) => {
    if (isAsked) {
      isAsked = false;
      read(size);
    } else isHungry = true;
  };
  return () => {
    if (isHungry) {
      isHungry = false;
      read(1);
    } else isAsked = true;
  };
}
