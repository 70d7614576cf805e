import { HeraldError } from '@herald/errors';
import { patiently } from './patiently';

describe('patiently', () => {
  const failing = (error: Error, times: number) => {
    let calls = 0;
    return {
      calls: () => calls,
      call: () => (++calls > times ? Promise.resolve('an answer') : Promise.reject(error)),
    };
  };

  it.each(['SERVICE_UNAVAILABLE', 'HOURLY_REQUESTS_EXHAUSTED'] as const)(
    'repeats a call refused for %s',
    async (reason) => {
      const { call, calls } = failing(new HeraldError(reason, 'Not now.', { retryAfterMs: 1 }), 1);
      expect(await patiently(call)).toBe('an answer');
      expect(calls()).toBe(2);
    },
  );

  it('tells once a call that it waits, why, and for how long', async () => {
    const { call } = failing(new HeraldError('HOURLY_REQUESTS_EXHAUSTED', 'All are used.', { retryAfterMs: 600 }), 2);
    const told: [string, number][] = [];
    await patiently(call, ({ reason }, waitMs) => told.push([reason, waitMs]));
    expect(told).toEqual([['HOURLY_REQUESTS_EXHAUSTED', 600]]);
  });

  it.each([new HeraldError('CONFIGURATION_NOT_FOUND', 'No such configuration.'), new Error('a fault of ours')])(
    'does not repeat what would be refused again: %s',
    async (error) => {
      const { call, calls } = failing(error, 1);
      await expect(patiently(call)).rejects.toBe(error);
      expect(calls()).toBe(1);
    },
  );

  it('counts tries anew for a call that gets on', async () => {
    const { call, calls } = failing(new HeraldError('SERVICE_UNAVAILABLE', 'Not now.'), 2);
    const told: string[] = [];
    await patiently(
      call,
      ({ reason }) => told.push(reason),
      () => true,
    );
    expect([calls(), told.length]).toEqual([3, 2]);
  });
});
