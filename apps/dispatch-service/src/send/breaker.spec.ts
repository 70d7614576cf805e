import fc from 'fast-check';
import { makeBreaker, type Breaker, type Verdict } from './breaker';

const fail = (breaker: Breaker, times: number) => {
  for (let time = 0; time < times; time += 1) breaker.ended('failure', 0, false);
};
const succeed = (breaker: Breaker, times: number) => {
  for (let time = 0; time < times; time += 1) breaker.ended('success', 0, false);
};

describe('makeBreaker', () => {
  it('opens when half of the last 20 calls failed, and not before there were so many', () => {
    const breaker = makeBreaker();
    fail(breaker, 19);
    expect(breaker.permission(0)).toEqual({ kind: 'closed' });
    expect(breaker.ended('failure', 0, false)).toBe('opened');
    expect(breaker.permission(0)).toEqual({ kind: 'open', untilMs: 1_000 });
  });

  it('forgets what is more than 20 calls ago', () => {
    const breaker = makeBreaker();
    fail(breaker, 9);
    succeed(breaker, 20);
    fail(breaker, 9);
    expect(breaker.permission(0).kind).toBe('closed');
    expect(breaker.ended('failure', 0, false)).toBe('opened');
  });

  it('opens at once when credentials are refused', () => {
    expect(makeBreaker().ended('fatal', 0, false)).toBe('opened');
  });

  it('lets one probe through after its pause, which doubles up to 30 s', () => {
    const breaker = makeBreaker();
    let nowMs = 0;
    breaker.ended('fatal', nowMs, false);
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(breaker.permission(nowMs + pauseMs - 1).kind).toBe('open');
      nowMs += pauseMs;
      expect(breaker.permission(nowMs)).toEqual({ kind: 'probe' });
      breaker.probe();
      expect(breaker.permission(nowMs).kind).toBe('open');
      expect(breaker.ended('failure', nowMs, true)).toBe('reopened');
    }
    breaker.probe();
    expect(breaker.ended('success', nowMs, true)).toBe('closed');
    expect(breaker.permission(nowMs)).toEqual({ kind: 'closed' });
    expect(breaker.ended('fatal', nowMs, false)).toBe('opened');
    expect(breaker.permission(nowMs)).toEqual({ kind: 'open', untilMs: nowMs + 1_000 });
  });

  it('offers the probe again that was not made', () => {
    const breaker = makeBreaker();
    breaker.ended('fatal', 0, false);
    breaker.probe();
    breaker.giveProbeBack();
    expect(breaker.permission(1_000)).toEqual({ kind: 'probe' });
  });

  it('P17: never has two probes under way, and closes only by a probe, in whatever order calls end', () => {
    const verdict = fc.constantFrom<Verdict>('success', 'failure', 'fatal');
    const step = fc.record({ waitMs: fc.nat(40_000), verdict, isLate: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const breaker = makeBreaker();
        let nowMs = 0;
        let isProbing = false;
        for (const each of steps) {
          nowMs += each.waitMs;
          const permission = breaker.permission(nowMs);
          if (permission.kind === 'probe') {
            expect(isProbing).toBe(false);
            breaker.probe();
            isProbing = true;
            continue;
          }
          const isProbe = isProbing && !each.isLate;
          const transition = breaker.ended(each.verdict, nowMs, isProbe);
          if (permission.kind === 'open' && !isProbe) expect(transition).toBeUndefined();
          if (transition === 'closed') expect([isProbe, each.verdict]).toEqual([true, 'success']);
          if (isProbe) isProbing = false;
        }
      }),
    );
  });
});
