import { requestReader, type WholeRequest } from './request-reader';

describe('requestReader', () => {
  const POST = 'POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nx=1';
  const GET = 'GET /c?d=e HTTP/1.1\r\nhost: b\r\n\r\n';
  const readIn = (pieces: readonly string[]) => {
    const read: WholeRequest[] = [];
    const take = requestReader((request) => read.push(request));
    for (const piece of pieces) take(Buffer.from(piece));
    return read.map(({ method, target, body }) => [method, target, body]);
  };
  const expected = [
    ['POST', '/a', 'x=1'],
    ['GET', '/c?d=e', ''],
    ['POST', '/a', 'x=1'],
  ];

  it('cuts one piece into all requests that it holds', () => expect(readIn([POST + GET + POST])).toEqual(expected));

  it('puts requests together from single bytes', () => expect(readIn([...(POST + GET + POST)])).toEqual(expected));

  it('waits for the rest of a body', () => expect(readIn([POST.slice(0, -1)])).toEqual([]));

  it('refuses a body without a length', () => {
    expect(() => readIn(['POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'])).toThrow('not read here');
  });
});
