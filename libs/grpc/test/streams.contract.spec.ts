import { once } from 'node:events';
import { constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { AgentSessionRequest, ConversationServiceService } from '@herald/contracts/conversation';
import { HeraldError, type Reason } from '@herald/errors';
import { eventually } from '@herald/testing';
import { serverStreaming, type StreamContext } from '../src';
import { RECEIVE_BYTES_MAX } from '../src/limits';
import { framed, type Http2Call } from './http2-call';
import { fired, runningServer, servedStreams, type TestServer } from './running-server';
import {
  answering,
  beat,
  beats,
  echo,
  endOf,
  MONITORED,
  numberOf,
  offer,
  offered,
  state,
  streamServer,
} from './stream-server';

const SECRET = 'call +14255550123';
const AGENT_SESSION = ConversationServiceService.agentSession.path;
const MONITOR = ConversationServiceService.monitorConversation.path;

describe('streams', () => {
  let test: TestServer;
  const by = answering();
  const calls: Http2Call[] = [];
  const failures: string[] = [];
  const start = () => streamServer(by, (errorId) => failures.push(errorId));

  beforeAll(async () => {
    test = await start();
  });
  beforeEach(() => {
    failures.splice(0);
    Object.assign(by, answering());
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const { stream, close } of calls.splice(0)) {
      // What nobody reads does not close by itself.
      stream.destroy();
      await close();
    }
  });
  afterAll(() => test.stop());

  /** A call over bare HTTP/2, which reads and writes when the test does. */
  const open = (path: string = AGENT_SESSION, headers: OutgoingHttpHeaders = {}) => {
    const call = test.open(path, headers);
    call.stream.on('error', () => undefined);
    // Of a stream that is cut there is no answer.
    call.answered.catch(() => undefined);
    calls.push(call);
    return Object.assign(call.stream, { call });
  };
  const frameOf = (request: AgentSessionRequest) => framed(Buffer.from(AgentSessionRequest.encode(request).finish()));

  /** Lets the time of every timer that was set for so long pass. */
  const pass = (timers: jest.SpyInstance, isSo: (ms: number) => boolean) => {
    for (const [whenOver, ms, ...rest] of timers.mock.calls as [(...args: unknown[]) => void, number][]) {
      if (isSo(ms)) whenOver(...rest);
    }
  };

  it('carries messages both ways, each answer before the next message', async () => {
    const heard: (string | undefined)[] = [];
    async function* talking() {
      for (let sequence = 1; sequence <= 40; sequence += 1) {
        expect(heard).toHaveLength(sequence - 1);
        yield beat(sequence);
        await eventually(() => expect(heard).toHaveLength(sequence));
      }
    }
    for await (const answer of test.conversation.agentSession(talking())) heard.push(offered(answer));
    expect(heard).toEqual(Array.from({ length: 40 }, (_, index) => String(index + 1)));
  });

  it('carries the answers of a stream of one request, and tells its handler who calls', async () => {
    const contexts: StreamContext[] = [];
    by.monitor = async function* ({ conversationId }, context) {
      contexts.push(context);
      for (let answer = 0; answer < 200; answer += 1) yield state(`${conversationId} ${answer}`);
    };
    const { answers } = await endOf(test.conversation.monitorConversation(MONITORED));
    expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => state(`one ${index}`)));
    expect(contexts[0]).toMatchObject({
      method: MONITOR.slice(1),
      caller: { kind: 'user', subject: expect.any(String) },
    });
    expect(contexts[0]?.org).toMatch(/^[0-9a-f-]{36}$/);
  });

  describe('errors', () => {
    const detail = { metadata: { offset: '200' }, violations: [{ field: 'contacts[3]', description: 'It is wrong.' }] };

    it('gives what was answered before a handler threw, and then the error with every detail', async () => {
      by.session = async function* (requests) {
        for await (const request of requests) {
          if (numberOf(request) === 3) throw new HeraldError('INVALID_FIELD', 'No.', detail);
          yield offer(String(numberOf(request)));
        }
      };
      const { answers, error } = await endOf(test.conversation.agentSession(beats(5)));
      expect(answers.map(offered)).toEqual(['1', '2']);
      expect([error?.reason, error?.message]).toEqual(['INVALID_FIELD', 'No.']);
      expect(error?.detail).toMatchObject(detail);
      expect(failures).toEqual([]);
    });

    it('S25: a fault in the middle leaves as INTERNAL with an id, once reported, and no word of it', async () => {
      by.monitor = async function* () {
        yield state('one');
        throw new TypeError(SECRET);
      };
      const { answers, error } = await endOf(test.conversation.monitorConversation(MONITORED));
      expect([answers.length, error?.reason]).toEqual([1, 'INTERNAL']);
      expect(JSON.stringify([error?.message, error?.detail.metadata])).not.toContain(SECRET);
      expect(failures).toEqual([error?.detail.metadata?.['errorId']]);
    });

    it('refuses a stream at the door like any call', async () => {
      const { error } = await test.raw(AGENT_SESSION, { headers: { authorization: 'Bearer none' } });
      expect(error?.reason).toBe('UNAUTHENTICATED');
    });

    it.each([
      ['REQUEST_MALFORMED', 'bytes that are no message', framed(Buffer.from([0xff, 0xff, 0xff]))],
      ['MESSAGE_TOO_LARGE', 'a message of more than 1 MiB', framed(Buffer.alloc(RECEIVE_BYTES_MAX + 1))],
    ] as [Reason, string, Buffer][])('%s: %s in the middle of a stream', async (reason, _, frame) => {
      const heard: number[] = [];
      by.session = async function* (requests) {
        for await (const request of requests) yield offer(String(heard.push(numberOf(request))));
      };
      const stream = open();
      stream.write(frameOf(beat(7)));
      await eventually(() => expect(heard).toEqual([7]));
      stream.write(frame);
      expect((await stream.call.answered).reason).toBe(reason);
      expect(heard).toEqual([7]);
    });

    it('ends a stream whose caller stops in the middle of a message as if the message were not there', async () => {
      const { answered } = open().call;
      const stream = calls[0]?.stream;
      stream?.write(frameOf(beat(1)));
      stream?.end(frameOf(beat(2)).subarray(0, 6));
      expect((await answered).code).toBe(0);
    });
  });

  describe('pressure', () => {
    /** Waits until a count stands still between two looks. */
    const standing = (count: () => number) => {
      let before = -1;
      return eventually(() => {
        const now = count();
        const isStanding = now === before;
        before = now;
        expect([isStanding, now > 0]).toEqual([true, true]);
      });
    };

    it('S18: asks a handler for no more answers than a caller reads', async () => {
      let made = 0;
      by.monitor = async function* () {
        for (;;) yield state(String(++made) + 'x'.repeat(100_000));
      };
      const stream = open(MONITOR);
      stream.end(framed(Buffer.alloc(0)));
      await once(stream, 'response');
      stream.pause();
      await standing(() => made);
      expect(made).toBeLessThan(10);
      stream.resume();
      await eventually(() => expect(made).toBeGreaterThan(30));
    });

    it('S18: STREAM_IDLE: lets the handler of a caller go who does not read for a minute', async () => {
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const isOver = Promise.withResolvers<void>();
      let made = 0;
      by.monitor = async function* () {
        try {
          for (;;) yield state(String(++made) + 'x'.repeat(100_000));
        } finally {
          isOver.resolve();
        }
      };
      const stream = open(MONITOR);
      stream.end(framed(Buffer.alloc(0)));
      await once(stream, 'response');
      stream.pause();
      await standing(() => made);
      pass(timers, (ms) => ms === 60_000);
      await isOver.promise;
    });

    it('S18: reads no more of a caller than its handler asks for', async () => {
      const release = Promise.withResolvers<void>();
      let read = 0;
      by.session = async function* (requests) {
        for await (const request of requests) {
          read += 1;
          if (read === 1) await release.promise;
          if (numberOf(request) === 0) yield offer('last');
        }
      };
      let sent = 0;
      const large = (conversationId: string) =>
        AgentSessionRequest.fromPartial({ event: { $case: 'readMark', value: { conversationId } } });
      async function* flood() {
        for (; sent < 300; sent += 1) yield large('x'.repeat(50_000));
        yield beat(0);
      }
      const ended = endOf(test.conversation.agentSession(flood()));
      await eventually(() => expect(read).toBe(1));
      await standing(() => sent);
      // One is with the handler, one is read ahead; a client of grpc-js keeps a megabyte, and HTTP/2 has its windows.
      expect(sent).toBeLessThan(40);
      release.resolve();
      expect((await ended).answers.map(offered)).toEqual(['last']);
      expect(read).toBe(301);
    });

    it('S18: unpacks no more of what a frame brings than its handler asks for', async () => {
      const unpacked = jest.spyOn(AgentSessionRequest, 'decode');
      const release = Promise.withResolvers<void>();
      by.session = async function* (requests) {
        for await (const request of requests) {
          yield offer(String(numberOf(request)));
          await release.promise;
        }
      };
      const stream = open(AGENT_SESSION, { 'grpc-encoding': 'gzip' });
      const packed = (sequence: number) => framed(gzipSync(AgentSessionRequest.encode(beat(sequence)).finish()), true);
      stream.end(Buffer.concat(Array.from({ length: 20 }, (_, sequence) => packed(sequence))));
      await once(stream, 'response');
      await standing(() => unpacked.mock.calls.length);
      expect(unpacked.mock.calls.length).toBeLessThan(4);
      release.resolve();
      expect((await stream.call.answered).code).toBe(0);
      expect(unpacked).toHaveBeenCalledTimes(20);
    });

    it('S18: STREAM_IDLE: ends a stream whose caller says nothing for a minute', async () => {
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const hold = Promise.withResolvers<void>();
      const ended = endOf(test.conversation.agentSession(beats(1, hold.promise)));
      const timer = setInterval(() => pass(timers, (ms) => ms === 60_000), 20);
      const { error } = await ended.finally(() => clearInterval(timer));
      hold.resolve();
      expect([error?.reason, error?.retryable]).toEqual(['STREAM_IDLE', true]);
    });
  });

  describe('ends', () => {
    /** Answers once, and then waits for its signal. */
    const waiting = () => {
      const started = Promise.withResolvers<StreamContext>();
      const isOver = Promise.withResolvers<void>();
      by.monitor = async function* (_, context) {
        try {
          yield state('one');
          started.resolve(context);
          await fired(context.signal);
        } finally {
          isOver.resolve();
        }
      };
      return { started: started.promise, isOver: isOver.promise };
    };

    it('CANCELLED: a caller that gives up ends the stream, and the handler hears of it', async () => {
      const { started, isOver } = waiting();
      const abort = new AbortController();
      const ended = endOf(test.conversation.monitorConversation(MONITORED, { signal: abort.signal }));
      const { signal } = await started;
      abort.abort();
      expect((await ended).error?.reason).toBe('CANCELLED');
      expect(await fired(signal)).toMatchObject({ reason: 'CANCELLED' });
      await isOver;
    });

    it('ends the stream of a reader who stops reading', async () => {
      const { isOver } = waiting();
      const reader = test.conversation.monitorConversation(MONITORED)[Symbol.asyncIterator]();
      await reader.next();
      await reader.return?.();
      await isOver;
    });

    it.each([
      ['resets the stream', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
      ['resets the stream without an error', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_NO_ERROR)],
      ['breaks the connection', (stream: ClientHttp2Stream) => void stream.session?.destroy()],
    ])('takes no caller who %s for one who has said all', async (_, cut) => {
      const ends: unknown[] = [];
      by.session = async function* (requests) {
        try {
          yield* echo(requests, undefined as never);
        } catch (error) {
          ends.push(error);
          throw error;
        }
      };
      const stream = open();
      stream.write(frameOf(beat(1)));
      await once(stream, 'response');
      cut(stream);
      await eventually(() => expect(ends).toEqual([expect.objectContaining({ reason: 'CANCELLED' })]));
      expect(failures).toEqual([]);
    });

    it('DEADLINE_EXCEEDED: at the deadline of its caller, if there is one', async () => {
      const { started } = waiting();
      const ended = endOf(test.conversation.monitorConversation(MONITORED, { deadlineMs: 700 }));
      const { signal } = await started;
      expect((await ended).error?.reason).toBe('DEADLINE_EXCEEDED');
      expect(await fired(signal)).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    });

    it('DEADLINE_TOO_SHORT: with less time than it takes nothing is begun', async () => {
      const { error } = await test.raw(AGENT_SESSION, { headers: { 'grpc-timeout': '99m' } });
      expect(error?.reason).toBe('DEADLINE_TOO_SHORT');
    });

    it('STREAM_EXPIRED: when its connection has lived its time, and the next is opened on another', async () => {
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const { started } = waiting();
      // Clients of one address share a connection; this one is new.
      const aging = await start();
      const ended = endOf(aging.conversation.monitorConversation(MONITORED));
      await started;
      pass(timers, (ms) => Math.abs(ms - 300_000) <= 30_000);
      const { answers, error } = await ended;
      expect([answers.length, error?.reason, error?.retryable]).toEqual([1, 'STREAM_EXPIRED', true]);
      expect((await endOf(aging.conversation.agentSession(beats(3)))).answers).toHaveLength(3);
      await aging.stop();
    });

    it('SERVER_STOPPING: tells a stream to go when the server stops, at once and not after the grace', async () => {
      const stopping = await start();
      const { started } = waiting();
      const ended = endOf(stopping.conversation.monitorConversation(MONITORED));
      await started;
      await stopping.server.stop(3_600_000);
      const { answers, error } = await ended;
      expect([answers.length, error?.reason, error?.retryable]).toEqual([1, 'SERVER_STOPPING', true]);
      await stopping.stop();
    });

    it('SERVER_STOPPING: an answer that was in the making still goes out, and nothing after it', async () => {
      const stopping = await start();
      const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      by.session = async function* (requests) {
        for await (const request of requests) {
          begun.resolve();
          await release.promise;
          yield offer(String(numberOf(request)));
        }
      };
      const ended = endOf(stopping.conversation.agentSession(beats(3)));
      await begun.promise;
      const stopped = stopping.server.stop(3_600_000);
      release.resolve();
      const { answers, error } = await ended;
      expect([answers.map(offered), error?.reason]).toEqual([['1'], 'SERVER_STOPPING']);
      await stopped;
      await stopping.stop();
    });

    it('SERVER_STOPPING: cuts a stream off after the grace whose handler heeds nothing', async () => {
      const stopping = await start();
      const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      by.monitor = async function* () {
        begun.resolve();
        await release.promise;
        yield state('too late');
      };
      const ended = endOf(stopping.conversation.monitorConversation(MONITORED));
      await begun.promise;
      const stopped = stopping.server.stop(50);
      expect((await ended).error?.reason).toBe('SERVER_STOPPING');
      release.resolve();
      await stopped;
      await stopping.stop();
    });
  });

  it('says of a handler of another kind of call that it cannot serve the method', async () => {
    const services = servedStreams({ agentSession: serverStreaming(async function* () {}) });
    await expect(runningServer({ services })).rejects.toThrow('agentSession is bidiStreaming');
  });
});
