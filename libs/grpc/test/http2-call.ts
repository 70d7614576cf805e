import { once } from 'node:events';
import { connect, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import { decodeStatus } from '../src';
import { STATUS_DETAILS_KEY } from '../src/rich-status';

/** What a call over bare HTTP/2 was answered. */
interface Answer {
  httpStatus: number | undefined;
  code: number;
  reason: string | undefined;
  details: string;
}

/** A call whose bytes, and when they go, are up to the test. */
export interface Http2Call {
  stream: ClientHttp2Stream;
  answered: Promise<Answer>;
  close(): Promise<void>;
}

/** Opens a call as gRPC asks for it, with the headers given in place of its own, and sends nothing of its request. */
export function http2Call(url: string, path: string, headers: OutgoingHttpHeaders): Http2Call {
  const session = connect(`http://${url}`);
  const grpc = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request({ ...grpc, ...headers });
  return {
    stream,
    answered: answerOf(stream),
    close: async () => {
      stream.close();
      session.close();
      if (!session.destroyed) await once(session, 'close');
    },
  };
}

/** A message as gRPC frames it: whether it is packed, its length, its bytes. */
export function framed(bytes: Buffer, isPacked = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isPacked ? 1 : 0, 0);
  head.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([head, bytes]);
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const trailers = new Promise<IncomingHttpHeaders>((resolve) => stream.once('trailers', resolve));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  stream.resume();
  const httpStatus = Number(headers[':status']);
  const hasEnded = httpStatus !== 200 || headers['grpc-status'] !== undefined;
  const last = hasEnded ? headers : await trailers;
  const code = Number(last['grpc-status']);
  const details = decodeURI(String(last['grpc-message']));
  const metadata = Metadata.fromHttp2Headers({ [STATUS_DETAILS_KEY]: last[STATUS_DETAILS_KEY] });
  if (httpStatus !== 200 || code === 0) return { httpStatus, code, reason: undefined, details };
  const { reason } = decodeStatus(Object.assign(new Error(details), { code, details, metadata }), '');
  return { httpStatus, code, reason, details };
}
