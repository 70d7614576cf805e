import { GRPC_CODE, HeraldError } from '@herald/errors';
import { eventually } from '@herald/testing';
import { DEADLINE_MS_MIN } from '../src/deadline';
import { framed } from './http2-call';
import { fired, GET_TEMPLATE, hanging, refusalOf, REQUEST, runningServer } from './running-server';
import type { TestServer } from './running-server';

describe('patience', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await runningServer();
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => test.stop());

  it('CANCELLED: a caller that gives up ends the call, and the handler hears of it', async () => {
    const { handler, started } = hanging();
    test.answer(handler);
    const abort = new AbortController();
    const refusal = refusalOf(test.client.getTemplate(REQUEST, { signal: abort.signal }));
    const { signal } = await started;
    expect(signal.aborted).toBe(false);
    abort.abort();
    expect((await refusal).reason).toBe('CANCELLED');
    expect(await fired(signal)).toMatchObject({ reason: 'CANCELLED' });
  });

  it('calls nobody for a caller that gave up before, and keeps the reason it gave', async () => {
    let calls = 0;
    test.answer(async () => ({ template: void (calls += 1) }));
    const signal = AbortSignal.abort(new HeraldError('DEADLINE_EXCEEDED', 'The outer call is over.'));
    const error = await refusalOf(test.client.getTemplate(REQUEST, { signal }));
    expect([error.reason, calls]).toEqual(['DEADLINE_EXCEEDED', 0]);
  });

  it('DEADLINE_EXCEEDED: the server answers by itself when the time is over, and the handler hears of it', async () => {
    const { handler, started } = hanging();
    test.answer(handler);
    const ended = test.raw(GET_TEMPLATE, { headers: { 'grpc-timeout': '500m' } });
    const { signal, deadline } = await started;
    expect((await ended).error?.reason).toBe('DEADLINE_EXCEEDED');
    expect(await fired(signal)).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(deadline.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('answers at the deadline also for a handler that does not listen', async () => {
    const release = Promise.withResolvers<void>();
    test.answer(async () => {
      await release.promise;
      throw new Error('too late');
    });
    const error = await refusalOf(test.client.getTemplate(REQUEST, { deadlineMs: 500 }));
    expect(error.reason).toBe('DEADLINE_EXCEEDED');
    release.resolve();
  });

  it('DEADLINE_TOO_SHORT: a call with less time than it takes is not begun', async () => {
    let calls = 0;
    test.answer(async () => ({ template: void (calls += 1) }));
    const tooShort = { headers: { 'grpc-timeout': `${DEADLINE_MS_MIN - 1}m` } };
    const { status, error } = await test.raw(GET_TEMPLATE, tooShort);
    expect([status.code, error?.reason]).toEqual([GRPC_CODE.DEADLINE_EXCEEDED, 'DEADLINE_TOO_SHORT']);
    expect([error?.detail.metadata, calls]).toEqual([{ deadlineMsMin: '100' }, 0]);
  });

  it.each([
    ['that sets none', {}, 30_000],
    ['that sets one of hours', { 'grpc-timeout': '99H' }, 600_000],
    ['that sets one of 30 days, as Go writes it', { 'grpc-timeout': '2592000S' }, 600_000],
    ['that sets one of 30 days, as Java writes it', { 'grpc-timeout': '43200M' }, 600_000],
    ['that sets the longest there is', { 'grpc-timeout': '99999999H' }, 600_000],
  ])('bounds the deadline of a call %s', async (_, headers, leftMsMax) => {
    const leftMs: number[] = [];
    test.answer(async (_request, { deadline }) => ({ template: void leftMs.push(deadline.getTime() - Date.now()) }));
    expect((await test.raw(GET_TEMPLATE, { headers })).error).toBeUndefined();
    expect(leftMs).toEqual([expect.closeTo(leftMsMax, -4)]);
    expect(leftMs[0]).toBeLessThan(leftMsMax);
  });

  it('takes 20 ms off a deadline, for the answer to arrive in', async () => {
    const left = Promise.withResolvers<number>();
    test.answer(async (_request, { deadline }) => ({ template: void left.resolve(deadline.getTime()) }));
    const before = Date.now();
    await test.raw(GET_TEMPLATE, { headers: { 'grpc-timeout': '5S' } });
    const took = Date.now() - before;
    const given = (await left.promise) - before;
    expect(given).toBeGreaterThanOrEqual(5_000 - 20);
    expect(given).toBeLessThanOrEqual(5_000 - 20 + took);
  });

  it.each([
    ['no deadline', {}],
    ['a deadline of hours', { 'grpc-timeout': '9H' }],
  ])('S18: waits 30 s for the rest of a request, also where there is %s', async (_, headers) => {
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const { stream, answered, close } = test.open(GET_TEMPLATE, headers);
    stream.write(framed(Buffer.alloc(8)).subarray(0, 6));
    const codes: number[] = [];
    void answered.then(({ code }) => codes.push(code));
    await eventually(() => {
      for (const [whenOver, ms] of timers.mock.calls) if (ms === 30_000) whenOver();
      expect(codes).toEqual([GRPC_CODE.DEADLINE_EXCEEDED]);
    });
    expect((await answered).reason).toBe('DEADLINE_EXCEEDED');
    await close();
  });

  it('S18: lets a handler take longer than its request might', async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    test.answer(async () => {
      started.resolve();
      await release.promise;
      return { template: undefined };
    });
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
    try {
      const ended = test.raw(GET_TEMPLATE, { headers: { 'grpc-timeout': '9H' } });
      await started.promise;
      jest.advanceTimersByTime(31_000);
      release.resolve();
      expect((await ended).status.code).toBe(GRPC_CODE.OK);
    } finally {
      jest.useRealTimers();
    }
  });
});
