import { FakeClock } from './fake-clock';

describe('FakeClock', () => {
  it('stands still until it is moved', () => {
    const clock = new FakeClock(new Date('2026-03-29T00:59:59Z'));
    const seen = [clock.now(), clock.now()];
    expect(seen).toEqual([new Date('2026-03-29T00:59:59Z'), new Date('2026-03-29T00:59:59Z')]);
    expect(clock.monotonicMs()).toBe(clock.monotonicMs());
  });

  it('moves both times on by as much', () => {
    const clock = new FakeClock(new Date('2026-03-29T00:59:59Z'));
    const before = clock.monotonicMs();
    clock.advance(1_500);
    expect(clock.now()).toEqual(new Date('2026-03-29T01:00:00.500Z'));
    expect(clock.monotonicMs() - before).toBe(1_500);
  });

  it('lets the time of day jump while the other goes on', () => {
    const clock = new FakeClock();
    const before = clock.monotonicMs();
    clock.setNow(new Date('2020-01-01T00:00:00Z'));
    clock.advance(1);
    expect(clock.now()).toEqual(new Date('2020-01-01T00:00:00.001Z'));
    expect(clock.monotonicMs() - before).toBe(1);
  });

  it('hands out dates that nobody can move it by', () => {
    const clock = new FakeClock();
    const before = clock.now().getTime();
    clock.now().setFullYear(1999);
    expect(clock.now().getTime()).toBe(before);
  });
});
