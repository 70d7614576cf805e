import { FakeClock } from '@herald/testing';
import { ACCOUNTS_MAX, BURST_MAX, throttle, WEBHOOKS_PER_SECOND } from './throttle';

describe('throttle', () => {
  const admittedOf = (count: number, admits: () => boolean) =>
    Array.from({ length: count }, admits).filter(Boolean).length;

  it('S20: lets a burst of one account in, then as many as time refills, and no account pays for another', () => {
    const clock = new FakeClock();
    const { admits } = throttle(() => clock.monotonicMs());
    expect(admittedOf(BURST_MAX + 10, () => admits('one'))).toBe(BURST_MAX);
    expect(admits('other')).toBe(true);
    clock.advance(500);
    expect(admittedOf(BURST_MAX, () => admits('one'))).toBe(WEBHOOKS_PER_SECOND / 2);
    clock.advance(60_000);
    expect(admittedOf(BURST_MAX + 10, () => admits('one'))).toBe(BURST_MAX);
  });

  it('S20: remembers so many accounts and no more, and forgets the one that was quiet longest', () => {
    const { admits } = throttle(() => 0);
    admittedOf(BURST_MAX, () => admits('one'));
    for (let index = 1; index < ACCOUNTS_MAX; index += 1) admits(`other ${index}`);
    expect(admits('one')).toBe(false);
    for (let index = 0; index < ACCOUNTS_MAX; index += 1) admits(`another ${index}`);
    expect(admits('one')).toBe(true);
  });
});
