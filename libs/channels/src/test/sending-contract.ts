import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { freePort } from '@herald/ports';
import { eventually } from '@herald/testing';
import type { ChannelAdapter, SendOutcome } from '../channel-adapter';
import type { HttpSettings } from '../exchange';
import {
  answer,
  endlessAnswer,
  gibberish,
  halfAnAnswer,
  hangUp,
  ProviderDouble,
  reset,
  silence,
  type Behaviour,
} from './provider-double';

/** What the promises about sending need to know of a provider. */
export interface SendingSubject {
  open(settings: HttpSettings): ChannelAdapter;
  /** Sends any message to the provider at the URL. */
  send(adapter: ChannelAdapter, url: string, mayLeave: () => boolean): Promise<SendOutcome>;
  /** The answer by which the provider takes a message. */
  taken: { status: number; body: Record<string, unknown> };
}

/** As many as go to one host at once. */
const CONNECTIONS = 64;
const PATIENT: HttpSettings = { connectMs: 5_000, totalMs: 5_000, connections: CONNECTIONS };
const HASTY: HttpSettings = { connectMs: 100, totalMs: 250, connections: CONNECTIONS };

/**
 * What every provider's adapter promises of a send, whatever happens on the way: what certainly did not leave is
 * `not_sent`, what may have arrived and was not answered clearly is `unknown`, and nothing goes out twice.
 */
export function describeSending(subject: SendingSubject): void {
  const provider = new ProviderDouble();
  let url = '';
  let adapter: ChannelAdapter;
  const send = (to = url, mayLeave = () => true) => subject.send(adapter, to, mayLeave);
  const { status, body } = subject.taken;

  beforeAll(async () => (url = await provider.start()));
  afterAll(() => provider.stop());
  beforeEach(() => {
    provider.received.length = 0;
    provider.behaviour = answer(status, body);
    adapter = subject.open(PATIENT);
  });
  afterEach(() => adapter.close());
  const openHasty = async () => {
    await adapter.close();
    adapter = subject.open(HASTY);
  };

  it('accepts what the provider took', async () => {
    expect(await send()).toMatchObject({ kind: 'accepted' });
    expect(provider.received).toHaveLength(1);
  });

  it.each<[string, Behaviour]>([
    ['a 500', answer(500, body)],
    ['a 502 of a proxy', answer(502, '<html>Bad Gateway</html>')],
    ['a 503 that names a time to come again', answer(503, '', { 'retry-after': '1' })],
    ['a time-out of the provider’s own', answer(504)],
    ['a 408', answer(408)],
    ['a reset', reset],
    ['the end of the connection', hangUp],
    ['half of the answer that took it', halfAnAnswer(status, body)],
    ['an empty answer', answer(status)],
    ['an answer that is no JSON', answer(status, 'OK')],
    ['an answer that is not about a message', answer(status, { ok: true })],
    ['an answer that is null', answer(status, 'null')],
    ['an answer without end', endlessAnswer(status)],
    ['what is no HTTP', gibberish],
  ])('knows nothing after %s, and does not send again', async (_what, behaviour) => {
    provider.behaviour = behaviour;
    expect(await send()).toMatchObject({ kind: 'unknown' });
    expect(provider.received).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect: knows nothing after a %i', async (redirect) => {
    provider.behaviour = (response, received) => answer(redirect, '', { location: received.path })(response, received);
    expect(await send()).toMatchObject({ kind: 'unknown' });
    expect(provider.received).toHaveLength(1);
  });

  it('knows nothing when the provider has the message and does not answer in time', async () => {
    await openHasty();
    provider.behaviour = silence;
    expect(await send()).toEqual({ kind: 'unknown', reason: 'RESPONSE_TIMEOUT' });
    expect(provider.received).toHaveLength(1);
  });

  it('takes a word on the way to the answer for none', async () => {
    await openHasty();
    provider.behaviour = (response) => response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    expect(await send()).toEqual({ kind: 'unknown', reason: 'RESPONSE_TIMEOUT' });
  });

  it('knows nothing when the answer begins in time and does not end', async () => {
    await openHasty();
    provider.behaviour = (response) => void response.writeHead(status, { 'content-length': 100 }).write('{"sid":');
    expect(await send()).toMatchObject({ kind: 'unknown' });
  });

  it('reads no more of an answer than an answer has', async () => {
    let sent = (): number => NaN;
    provider.behaviour = (response, received) => {
      const { socket } = response;
      sent = () => socket?.bytesWritten ?? NaN;
      endlessAnswer(status)(response, received);
    };
    await send();
    // What is more than the 64 KiB it reads stands in the buffers of the two sockets.
    expect(sent()).toBeLessThan(16 * 1024 * 1024);
  });

  it('hears the answer behind a word on the way to it', async () => {
    provider.behaviour = (response, received) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      answer(status, body)(response, received);
    };
    expect(await send()).toMatchObject({ kind: 'accepted' });
  });

  it('has sent nothing where nobody listens', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    expect(await send(nowhere)).toMatchObject({ kind: 'not_sent', reason: 'CONNECTION_FAILED' });
  });

  it.each<[string, (socket: Socket) => void]>([
    ['is no TLS', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['breaks off', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['does not come', () => undefined],
  ])('has sent nothing when the greeting of TLS %s', async (_what, greet) => {
    await openHasty();
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      greet(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const outcome = await send(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
    expect(outcome).toMatchObject({ kind: 'not_sent', reason: 'CONNECTION_FAILED' });
  });

  it('asks at the last moment whether a message may still leave, and keeps the connection when it may not', async () => {
    // The second send may make a second connection, because the first one is not free yet; then there is no need of more.
    for (let warm = 0; warm < 3; warm += 1) await send();
    const { connections } = provider;
    expect(await send(url, () => false)).toMatchObject({ kind: 'not_sent', reason: 'SEND_WINDOW_MISSED' });
    expect(await send(url, () => true)).toMatchObject({ kind: 'accepted' });
    expect(provider.received).toHaveLength(4);
    expect(provider.connections).toBe(connections);
  });

  it('lets what waits in line leave only while it may', async () => {
    const waiting: (() => void)[] = [];
    provider.behaviour = (response, received) => waiting.push(() => answer(status, body)(response, received));
    let isInTime = true;
    const sends = Array.from({ length: CONNECTIONS + 1 }, () => send(url, () => isInTime));
    await eventually(() => expect(waiting).toHaveLength(CONNECTIONS));
    isInTime = false;
    for (const finish of waiting) finish();
    const outcomes = await Promise.all(sends);
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(CONNECTIONS);
    expect(outcomes).toContainEqual(expect.objectContaining({ kind: 'not_sent', reason: 'SEND_WINDOW_MISSED' }));
    expect(provider.received).toHaveLength(CONNECTIONS);
  });

  it('finishes what is under way when it is closed, and sends nothing afterwards', async () => {
    let finish = () => {};
    provider.behaviour = (response, received) => (finish = () => answer(status, body)(response, received));
    const closing = subject.open(PATIENT);
    const underWay = subject.send(closing, url, () => true);
    await eventually(() => expect(provider.received).toHaveLength(1));
    const closed = closing.close();
    expect(await subject.send(closing, url, () => true)).toMatchObject({ kind: 'not_sent' });
    finish();
    expect(await underWay).toMatchObject({ kind: 'accepted' });
    await closed;
    expect(provider.received).toHaveLength(1);
  });
}
