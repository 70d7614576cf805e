import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const END_STREAM = 1;
const END_HEADERS = 4;
const FRAME_HEAD_BYTES = 9;

interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/**
 * A peer of bare HTTP/2 frames. It sends what Node's own client refuses to (a header twice, more calls than the server
 * allows), or nothing at all, and answers no ping.
 */
export class BarePeer {
  #received: Frame[] = [];
  #socket: Socket;
  #unread = Buffer.alloc(0);
  #callsMade = 0;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    // Bytes sent to a connection that the server has closed; that it closed is what the tests ask.
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  /** Says that it speaks HTTP/2, with no settings of its own. */
  greet(): void {
    this.#socket.write(PREFACE);
    this.#send({ type: SETTINGS, flags: 0, stream: 0, payload: Buffer.alloc(0) });
  }

  /** Makes one gRPC call with an empty message and these header lines. */
  call(path: string, lines: readonly (readonly [string, string])[]): void {
    const all = [
      ...([[':method', 'POST'] as const, [':scheme', 'http'], [':path', path], [':authority', 'localhost']] as const),
      ...([['content-type', 'application/grpc'], ['te', 'trailers'], ...lines] as const),
    ];
    const payload = Buffer.concat(all.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
    const stream = 1 + 2 * this.#callsMade++;
    this.#send({ type: HEADERS, flags: END_HEADERS, stream, payload });
    this.#send({ type: DATA, flags: END_STREAM, stream, payload: Buffer.alloc(5) });
  }

  /** How many calls were answered: their streams have come to an end of their own. */
  get answered(): number {
    return this.#received.filter(({ type, flags }) => type === HEADERS && (flags & END_STREAM) !== 0).length;
  }

  /** How many calls were refused unread. */
  get reset(): number {
    return this.#received.filter(({ type }) => type === RST_STREAM).length;
  }

  get isToldToGo(): boolean {
    return this.#received.some(({ type }) => type === GOAWAY);
  }

  get isClosed(): boolean {
    return this.#socket.closed;
  }

  async end(): Promise<void> {
    if (this.isClosed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }

  #send({ type, flags, stream, payload }: Frame): void {
    const head = Buffer.alloc(FRAME_HEAD_BYTES);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #read(bytes: Buffer): void {
    let rest = Buffer.concat([this.#unread, bytes]);
    while (rest.length >= FRAME_HEAD_BYTES && rest.length >= FRAME_HEAD_BYTES + rest.readUIntBE(0, 3)) {
      const end = FRAME_HEAD_BYTES + rest.readUIntBE(0, 3);
      const payload = rest.subarray(FRAME_HEAD_BYTES, end);
      this.#received.push({ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream: rest.readUInt32BE(5), payload });
      rest = rest.subarray(end);
    }
    this.#unread = rest;
  }
}

/** A text of HPACK as it is: its length in seven bits, or the rest in groups of seven, and its bytes (RFC 7541, 5.1). */
function text(value: string): Buffer {
  const length: number[] = [];
  let rest = value.length - 127;
  if (rest < 0) length.push(value.length);
  else {
    length.push(127);
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(value)]);
}
