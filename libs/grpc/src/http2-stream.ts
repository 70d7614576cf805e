import type { ServerHttp2Stream } from 'node:http2';

/** How grpc-js nests a call: what a handler has, what each interceptor has, and the stream of HTTP/2. None of it is public. */
interface Nested {
  call?: Nested;
  nextCall?: Nested;
  stream?: Pick<ServerHttp2Stream, 'session'>;
}

/** The stream of HTTP/2 beneath a call, for what grpc-js tells nobody: that the connection is to end. A spec ages one to hold it. */
export function http2StreamOf(call: unknown): Nested['stream'] {
  let inner = (call as Nested).call ?? (call as Nested);
  while (inner.nextCall !== undefined) inner = inner.nextCall;
  return inner.stream;
}
