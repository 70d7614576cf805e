import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { eventually } from '@herald/testing';
import { serverLimits } from '../src/limits';
import { BarePeer } from './bare-peer';
import { GET_TEMPLATE, hanging, REQUEST, runningServer, type TestServer } from './running-server';

type Timers = jest.SpyInstance<unknown, Parameters<typeof setTimeout>>;

describe('peers that keep to no rule', () => {
  let test: TestServer;
  let open: number;
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    test = await runningServer();
  });
  beforeEach(() => {
    open = 0;
    test.answer(async (request, context) => {
      const { handler } = hanging();
      open += 1;
      return handler(request, context).finally(() => (open -= 1));
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const end of ends.splice(0)) await end();
    // Whatever a peer did, its calls are over when it is gone, and the others are served.
    await eventually(() => expect(open).toBe(0));
    test.answer(async () => ({ template: undefined }));
    await test.newClient().getTemplate(REQUEST);
  });
  afterAll(() => test.stop());

  const barePeer = () => {
    const peer = new BarePeer(test.server.port);
    ends.push(() => peer.end());
    return peer;
  };
  const http2Peer = async (): Promise<ClientHttp2Session> => {
    const session = connect(`http://${test.url}`);
    session.on('error', () => undefined);
    ends.push(async () => {
      if (session.destroyed) return;
      session.destroy();
      await once(session, 'close');
    });
    await once(session, 'remoteSettings');
    return session;
  };
  const callOf = (peer: BarePeer) => peer.call(GET_TEMPLATE, [['authorization', `Bearer ${test.token}`]]);

  /** Ends the wait of the newest timer that was set for so many milliseconds since the last one that ended. */
  const passed = async (timers: Timers, isSo: (ms: number) => boolean) => {
    const [whenOver, , ...rest] = await eventually(() => {
      const found = timers.mock.calls.findLast(([, ms = 0]) => isSo(ms));
      if (found === undefined) throw new Error('there is no such timer');
      return found;
    });
    timers.mockClear();
    (whenOver as (...args: unknown[]) => void)(...rest);
  };

  it('S18: runs 100 calls of a connection and refuses what a peer opens beyond them', async () => {
    const peer = barePeer();
    peer.greet();
    for (let calls = 0; calls < 150; calls++) callOf(peer);
    await eventually(() => expect(peer.reset).toBe(50));
    await eventually(() => expect(open).toBe(100));
  });

  it('S18: closes the connection of a peer that goes on opening calls', async () => {
    const peer = barePeer();
    peer.greet();
    for (let calls = 0; calls < 10_000; calls++) callOf(peer);
    await eventually(() => expect(peer.isClosed).toBe(true));
    expect(open).toBeLessThanOrEqual(100);
  });

  it('S18: tells every client how many calls it may open', async () => {
    expect((await http2Peer()).remoteSettings.maxConcurrentStreams).toBe(100);
  });

  it('S18: closes the connection of a peer that opens calls to cancel them, and ends their work', async () => {
    const session = await http2Peer();
    const headers = { ':method': 'POST', ':path': GET_TEMPLATE, 'content-type': 'application/grpc', te: 'trailers' };
    let cancelled = 0;
    const cancelSome = () => {
      for (let calls = 0; calls < 50 && !session.destroyed; calls++) {
        const stream = session.request({ ...headers, authorization: `Bearer ${test.token}` });
        stream.on('error', () => undefined);
        stream.end(Buffer.alloc(5));
        stream.close(constants.NGHTTP2_CANCEL);
        cancelled += 1;
      }
      expect(session.destroyed).toBe(true);
    };
    await eventually(cancelSome);
    expect(cancelled).toBeLessThan(5_000);
  });

  it('S18: drops a peer that never says a word, after a ping of 30 s and 10 s without an answer', async () => {
    const timers: Timers = jest.spyOn(globalThis, 'setTimeout');
    const peer = barePeer();
    await passed(timers, (ms) => ms === 30_000);
    expect(peer.isClosed).toBe(false);
    await passed(timers, (ms) => ms === 10_000);
    await eventually(() => expect(peer.isClosed).toBe(true));
  });

  it('S18: closes a connection after five minutes, and cuts its calls 30 s later', async () => {
    const timers: Timers = jest.spyOn(globalThis, 'setTimeout');
    const peer = barePeer();
    peer.greet();
    callOf(peer);
    await eventually(() => expect(open).toBe(1));
    await passed(timers, (ms) => Math.abs(ms - 300_000) <= 30_000);
    await eventually(() => expect(peer.isToldToGo).toBe(true));
    expect([peer.isClosed, open]).toEqual([false, 1]);
    await passed(timers, (ms) => ms === 30_000);
    await eventually(() => expect(peer.isClosed).toBe(true));
  });

  it('S18: closes a connection without calls after two minutes', async () => {
    const timers: Timers = jest.spyOn(globalThis, 'setTimeout');
    const peer = barePeer();
    peer.greet();
    await eventually(() => expect(timers.mock.calls.some(([, ms]) => ms === 120_000)).toBe(true));
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 120_000);
    await passed(timers, (ms) => ms === 120_000);
    await eventually(() => expect(peer.isToldToGo).toBe(true));
  });

  it('S18: bounds the memory of a connection', () => {
    expect(serverLimits()).toMatchObject({ 'grpc-node.max_session_memory': 32 });
  });
});
