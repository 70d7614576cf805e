import type { SendOutcome } from '@herald/channels';
import { FakeClock } from '@herald/testing';
import { makeBreakers, type BreakerChange, type Guarded } from './breakers';

const sender = (channelId: string, channelAccountId = 'account'): Guarded => ({
  ...{ org: 'org', shard: 3, channelAccountId, channelId },
});
const accepted: SendOutcome = { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 };
const timedOut: SendOutcome = { kind: 'unknown', reason: 'RESPONSE_TIMEOUT' };
const unreachable: SendOutcome = { kind: 'not_sent', retryAfterMs: 2_000, reason: 'CONNECTION_FAILED' };
const unauthorised: SendOutcome = { kind: 'not_sent', retryAfterMs: 30_000, reason: 'ACCOUNT_AUTHENTICATION_FAILED' };
const throttled: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'THROTTLED' };
const missed: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'SEND_WINDOW_MISSED' };

const setUp = () => {
  const clock = new FakeClock();
  const changes: BreakerChange[] = [];
  const breakers = makeBreakers(
    () => clock.monotonicMs(),
    (change) => changes.push(change),
  );
  const send = (to: Guarded, outcome: SendOutcome, times = 1) => {
    for (let time = 0; time < times; time += 1) breakers.ended(to, outcome, false);
  };
  return { clock, changes, breakers, send };
};

describe('makeBreakers', () => {
  it('P17: leaves a sender alone that fails, and not the others of its account', () => {
    const { breakers, send, changes } = setUp();
    for (let call = 0; call < 20; call += 1) {
      send(sender('bad'), timedOut);
      send(sender('good'), accepted, 2);
    }
    expect(breakers.permission(sender('bad')).kind).toBe('open');
    expect(breakers.permission(sender('good'))).toEqual({ kind: 'closed' });
    expect(breakers.openCounts()).toEqual({ account: 0, sender: 1 });
    expect(changes).toEqual([
      expect.objectContaining({ channelId: 'bad', transition: 'opened', reason: 'RESPONSE_TIMEOUT', probeInMs: 1_000 }),
    ]);
  });

  it('P17: leaves an account alone whose senders fail, and no other account', () => {
    const { breakers, send } = setUp();
    for (let call = 0; call < 20; call += 1) send(sender(`c${call}`), unreachable);
    expect(breakers.permission(sender('one more')).kind).toBe('open');
    expect(breakers.permission(sender('one more', 'another'))).toEqual({ kind: 'closed' });
    expect(breakers.refusal(sender('one more'))).toMatchObject({ kind: 'not_sent', reason: 'CONNECTION_FAILED' });
    expect(breakers.refusal(sender('one more', 'another'))).toBeUndefined();
  });

  it('leaves an account alone at once whose credentials are refused, and says why', () => {
    const { breakers, send, changes } = setUp();
    send(sender('c'), unauthorised);
    expect(breakers.permission(sender('d')).kind).toBe('open');
    expect(breakers.refusal(sender('d'))).toMatchObject({ reason: 'ACCOUNT_AUTHENTICATION_FAILED' });
    expect(changes.map(({ channelId }) => channelId)).toEqual([null]);
  });

  it('takes "too many requests" and refusals for answers, and what did not leave for nothing', () => {
    const { breakers, send } = setUp();
    const refused: SendOutcome = { kind: 'refused', code: '21211', reason: 'ADDRESS_INVALID_AT_PROVIDER' };
    for (const outcome of [throttled, refused, missed]) send(sender('c'), outcome, 40);
    send(sender('c'), timedOut, 9);
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'closed' });
  });

  it('lets one message through for sender and account together, and both go on after it', () => {
    const { breakers, send, clock, changes } = setUp();
    send(sender('c'), timedOut, 20);
    expect(breakers.openCounts()).toEqual({ account: 1, sender: 1 });
    clock.advance(1_000);
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'probe' });
    breakers.probe(sender('c'));
    expect(breakers.permission(sender('c')).kind).toBe('open');
    expect(breakers.permission(sender('d')).kind).toBe('open');
    send(sender('c'), accepted);
    expect(breakers.openCounts()).toEqual({ account: 1, sender: 1 });
    breakers.ended(sender('c'), accepted, true);
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'closed' });
    expect(changes.map(({ transition }) => transition)).toEqual(['opened', 'opened', 'closed', 'closed']);
  });

  it('waits longer after a probe that failed, and offers one again that was not made', () => {
    const { breakers, send, clock } = setUp();
    send(sender('c'), timedOut, 20);
    clock.advance(1_000);
    const giveBack = breakers.probe(sender('c'));
    giveBack();
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'probe' });
    breakers.probe(sender('c'));
    breakers.ended(sender('c'), missed, true);
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'probe' });
    breakers.probe(sender('c'));
    breakers.ended(sender('c'), timedOut, true);
    clock.advance(1_999);
    expect(breakers.permission(sender('c')).kind).toBe('open');
    clock.advance(1);
    expect(breakers.permission(sender('c'))).toEqual({ kind: 'probe' });
  });
});
