import fc from 'fast-check';
import { askAgainMs, isOverdue, needOf, nextLookMs, type Standing } from './when-to-look';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const UNKNOWN_MS = 5 * MINUTE;
const now = new Date('2026-11-24T12:00:00Z');
const ago = (ms: number) => new Date(now.getTime() - ms);
const sent = (ageMs: number, changes: Partial<Standing> = {}): Standing => ({
  ...{ rank: 40, reason: null, providerId: 'SM1', outcomeAt: ago(ageMs), updatedAt: ago(ageMs) },
  ...changes,
});
const unknown = (ageMs: number): Standing => sent(ageMs, { rank: 1, reason: 'CONNECTION_RESET', providerId: null });
const need = (message: Standing, checkedAgoMs?: number) =>
  needOf(message, { now, unknownMs: UNKNOWN_MS, checkedAt: checkedAgoMs === undefined ? null : ago(checkedAgoMs) });
const next = (message: Standing) => nextLookMs(message, { now, unknownMs: UNKNOWN_MS });

describe('needOf', () => {
  it.each<[string, Standing, number | undefined, string]>([
    ['an unknown outcome that may still hear of itself', unknown(UNKNOWN_MS - 1), undefined, 'nothing'],
    ['an unknown outcome after that', unknown(UNKNOWN_MS), 1, 'search'],
    ['what was sent just now', sent(MINUTE), undefined, 'nothing'],
    ['what was sent a quarter of an hour ago', sent(15 * MINUTE), undefined, 'look-up'],
    ['the same at the next look', sent(16 * MINUTE), MINUTE, 'nothing'],
    ['what was sent two hours ago', sent(2 * HOUR + 1), HOUR, 'look-up'],
    ['what was sent a day ago', sent(24 * HOUR), HOUR, 'look-up'],
    ['what was sent two days ago', sent(48 * HOUR), HOUR, 'nothing'],
    ['what nothing was heard of for three days', sent(72 * HOUR), HOUR, 'close'],
    ['the same once that is said', sent(73 * HOUR, { reason: 'DELIVERY_UNCONFIRMED' }), HOUR, 'nothing'],
    ['what has no id at the provider', sent(15 * MINUTE, { providerId: null }), undefined, 'nothing'],
    ['what was delivered', sent(15 * MINUTE, { rank: 80 }), undefined, 'nothing'],
    ['what an operator decided', sent(15 * MINUTE, { rank: 3 }), undefined, 'nothing'],
    ['what is being sent', sent(0, { rank: null, outcomeAt: null }), undefined, 'nothing'],
  ])('%s', (_what, message, checkedAgoMs, expected) => {
    expect(need(message, checkedAgoMs)).toBe(expected);
  });

  it('asks at each age once, however often somebody looks', () => {
    const looks = fc.array(fc.integer({ min: 1, max: 30 * HOUR }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(looks, (times) => {
        const sorted = [...new Set([...times, 31 * HOUR])].sort((a, b) => a - b);
        let checkedAt: Date | null = null;
        const message = sent(0);
        let asked = 0;
        for (const ms of sorted) {
          const at = new Date(now.getTime() + ms);
          if (needOf(message, { now: at, checkedAt, unknownMs: UNKNOWN_MS }) === 'look-up') asked += 1;
          checkedAt = at;
        }
        const passed = [15 * MINUTE, 2 * HOUR, 24 * HOUR].map((age) => sorted.find((ms) => ms >= age));
        expect(asked).toBe(new Set(passed).size);
      }),
    );
  });
});

describe('nextLookMs', () => {
  it.each<[string, Standing, number]>([
    ['what is being sent, in a quarter of an hour', sent(0, { rank: null, outcomeAt: null }), 15 * MINUTE],
    ['an unknown outcome, when its wait is over', unknown(MINUTE), UNKNOWN_MS - MINUTE],
    ['what was sent, at the next of its ages', sent(16 * MINUTE), 2 * HOUR - 16 * MINUTE],
    ['what was sent days ago, when it is to be closed', sent(48 * HOUR), 24 * HOUR],
    ['what was delivered, never', sent(0, { rank: 80 }), Infinity],
    ['what is closed, never', sent(80 * HOUR, { reason: 'DELIVERY_UNCONFIRMED' }), Infinity],
  ])('%s', (_what, message, ms) => {
    expect(next(message)).toBe(ms);
  });

  it('never sleeps past the moment at which something is needed', () => {
    const message = fc.record({
      age: fc.integer({ min: 0, max: 80 * HOUR }),
      rank: fc.constantFrom(1, 10, 20, 40),
      providerId: fc.constantFrom('SM1', null),
    });
    fc.assert(
      fc.property(message, fc.double({ min: 0, max: 0.999, noNaN: true }), ({ age, rank, providerId }, share) => {
        const standing = sent(age, { rank, providerId });
        const ms = next(standing);
        if (ms === Infinity || ms === 0) return;
        const look = { now: new Date(now.getTime() + Math.floor(ms * share)), checkedAt: now, unknownMs: UNKNOWN_MS };
        expect(needOf(standing, look)).toBe('nothing');
      }),
    );
  });
});

describe('askAgainMs', () => {
  it('waits longer each time, at least what the provider asks, and not past the deadline', () => {
    const again = (ageMs: number, retryAfterMs = 0) => askAgainMs(unknown(ageMs), { now, retryAfterMs });
    expect([again(5 * MINUTE), again(10 * MINUTE), again(2 * HOUR)]).toEqual([2.5 * MINUTE, 5 * MINUTE, 15 * MINUTE]);
    expect(again(5 * MINUTE, 4 * MINUTE)).toBe(4 * MINUTE);
    expect(again(24 * HOUR - MINUTE)).toBe(MINUTE);
  });

  it('is over after a day', () => {
    expect([isOverdue(unknown(24 * HOUR - 1), now), isOverdue(unknown(24 * HOUR), now)]).toEqual([false, true]);
  });
});
