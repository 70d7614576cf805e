/** One HTTP/1.1 request, whole. */
export interface WholeRequest {
  method: string;
  /** Path and query. */
  target: string;
  /** Request line and headers without the empty line. */
  head: string;
  body: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const BODY_BYTES_MAX = 1024 * 1024;
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:/i;

/**
 * Cuts a connection's bytes into requests: a head ends with an empty line, and Content-Length says how long the body is.
 * A request may come in any number of pieces, and a piece may hold several. Throws on a body without a length.
 */
export function requestReader(onRequest: (request: WholeRequest) => void): (piece: Buffer) => void {
  let rest: Buffer | undefined;
  return (piece) => {
    let bytes = rest === undefined ? piece : Buffer.concat([rest, piece]);
    rest = undefined;
    while (bytes.length > 0) {
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const head = bytes.toString('latin1', 0, headEnd);
      const bodyStart = headEnd + HEAD_END.length;
      const bodyEnd = bodyStart + lengthOf(head);
      if (bytes.length < bodyEnd) break;
      const [method = '', target = ''] = head.slice(0, head.indexOf('\r\n')).split(' ', 2);
      onRequest({ method, target, head, body: bytes.toString('latin1', bodyStart, bodyEnd) });
      bytes = bytes.subarray(bodyEnd);
    }
    if (bytes.length > 0) rest = bytes;
  };
}

function lengthOf(head: string): number {
  const length = Number(LENGTH.exec(head)?.[1] ?? 0);
  if (CHUNKED.test(head) || length > BODY_BYTES_MAX) throw new Error('a request of a form that is not read here');
  return length;
}
