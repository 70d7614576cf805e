import { setTimeout as pause } from 'node:timers/promises';
import type { Action, Failpoint } from '@herald/failpoints';
import type { Hit, Victim } from './arming';
import type { Dice } from './dice';
import { hurt, type BusName, type Hurt } from './hurt';
import { isBack, type Target } from './target';

const DISPATCH = 'dispatch';
const GATEWAY = 'gateway';

/** Which actions fit a failpoint. What throws after a commit, or holds what was claimed, is a caller's error or a death. */
const FITTING: readonly [Failpoint, typeof DISPATCH | typeof GATEWAY, readonly Action[]][] = [
  ['submit.before_commit', DISPATCH, ['exit', 'throw']],
  ['submit.after_commit', DISPATCH, ['exit', 'delay']],
  ['relay.after_produce', DISPATCH, ['exit', 'throw']],
  ['relay.after_mark', DISPATCH, ['exit']],
  ['dispatch.after_claim', DISPATCH, ['exit', 'stop', 'delay']],
  ['dispatch.before_socket_write', DISPATCH, ['exit', 'stop', 'delay']],
  ['dispatch.after_write', DISPATCH, ['exit', 'stop']],
  ['dispatch.after_response', DISPATCH, ['exit', 'stop']],
  ['ledger.before_commit', DISPATCH, ['exit', 'throw']],
  ['ledger.after_commit', DISPATCH, ['exit']],
  ['settle.before_commit', DISPATCH, ['exit', 'throw']],
  ['settle.after_commit', DISPATCH, ['exit']],
  ['webhook.after_verify', GATEWAY, ['exit', 'throw']],
  ['webhook.after_publish_before_200', GATEWAY, ['exit', 'delay']],
  ['lease.renew.skip', DISPATCH, ['throw']],
  ['offset.before_commit', DISPATCH, ['exit', 'throw']],
  ['offset.after_commit', DISPATCH, ['exit']],
];

/** Over a lease of 6 s, and well below the 15 s of a request and the 25 s after which an open slice is given up. */
const STOP_MS = [7_000, 9_000] as const;
/** Some within the 5 s in which a claimed message may leave, some beyond. */
const DELAY_MS = [200, 6_500] as const;
const HIT_WITHIN_MS = 5_000;
/** A group that has a dead member handles nothing for 30 s: nobody comes by its failpoints meanwhile. */
const ROUNDS_MAX = 3;
const LOOK_EVERY_MS = 20;
/** Renewals left out until the leases are lost. */
const RENEWALS_MS = 8_000;

/** A run for each failpoint and fitting action. */
export const FAILPOINT_HURTS: readonly Hurt[] = FITTING.flatMap(([failpoint, service, actions]) =>
  actions.map((action) => {
    const text = `${action} at ${failpoint}`;
    const buses: readonly BusName[] = failpoint.startsWith('offset.') ? ['kafka'] : ['kafka', 'in-process'];
    return hurt(`${failpoint}/${action}`, text, (target, dice) => hit(target, dice, { failpoint, service, action }), {
      buses,
    });
  }),
);

interface Aim {
  failpoint: Failpoint;
  service: string;
  action: Action;
}

/** Arms one process after the other, and again, until one is hit, and sees it through. */
async function hit(target: Target, dice: Dice, { failpoint, service, action }: Aim): Promise<void> {
  const isSkip = failpoint === 'lease.renew.skip';
  const at = isSkip ? '' : `@${dice.between(1, action === 'delay' ? 1 : 3)}`;
  const ms = action === 'delay' ? `:${dice.between(...DELAY_MS)}` : '';
  const plan = `${failpoint}=${action}${ms}${at}`;
  const stopMs = dice.between(...STOP_MS);
  const round = dice.shuffled(target.victims(service));
  for (const victim of Array.from({ length: ROUNDS_MAX }, () => round).flat()) {
    const before = (await target.arming.hits()).length;
    await target.arming.arm(victim, plan);
    const done = await hitAfter(target, before, HIT_WITHIN_MS);
    await target.arming.disarm();
    if (done) return seeThrough(target, victim, { action, stopMs, isSkip, pid: done.pid });
    await target.arming.arm(victim, '');
  }
  throw new Error(`nobody came by ${failpoint}`);
}

async function seeThrough(
  target: Target,
  victim: Victim,
  { action, stopMs, isSkip, pid }: { action: Action; stopMs: number; isSkip: boolean; pid: number },
): Promise<void> {
  if (action === 'exit') {
    await target.noteOpen();
    await isBack(victim, pid);
    return;
  }
  if (action === 'stop') {
    await pause(stopMs);
    victim.signal('SIGCONT');
    await victim.ready();
  }
  if (isSkip) await pause(RENEWALS_MS);
  await target.arming.arm(victim, '');
}

/** The first act after so many, within a time. */
async function hitAfter(target: Target, before: number, withinMs: number): Promise<Hit | undefined> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const act = (await target.arming.hits())[before];
    if (act) return act;
    await pause(LOOK_EVERY_MS);
  }
  return undefined;
}
