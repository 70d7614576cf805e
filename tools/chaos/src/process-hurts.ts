import { setTimeout as pause } from 'node:timers/promises';
import type { Dice } from './dice';
import { hurt, type Hurt } from './hurt';
import { makeTopicsAnew } from './make-topics-anew';
import { kill, type Target } from './target';

/** Beyond a lease of 6 s. */
const SUSPEND_MS = [7_000, 10_000] as const;
const LEFT_MS = [500, 2_000] as const;
const DATABASE_AWAY_MS = [500, 3_000] as const;
/** Kills of a run come one after the other with so much in between. */
const BETWEEN_MS = [200, 1_500] as const;

/** What happens to whole processes, to what stands around the system, and at the provider. */
export const PROCESS_HURTS: readonly Hurt[] = [
  hurt('sigkill', 'some process is killed, and another', async (target, dice) => {
    for (const victim of dice.shuffled(target.victims()).slice(0, 2)) {
      await pause(dice.between(...BETWEEN_MS));
      await kill(target, victim);
    }
  }),
  hurt('sigstop', 'a sender stands still beyond its leases, and goes on', async (target, dice) => {
    const victim = dice.pick(target.victims('dispatch'));
    await pause(dice.between(...BETWEEN_MS));
    victim.signal('SIGSTOP');
    await pause(dice.between(...SUSPEND_MS));
    victim.signal('SIGCONT');
    await victim.ready();
  }),
  hurt(
    'sigterm',
    'a process is restarted in order, and another',
    async (target, dice) => {
      const senders = dice.shuffled(target.victims('dispatch')).slice(0, 1);
      const [other] = dice.shuffled(target.victims()).filter((victim) => !senders.includes(victim));
      for (const victim of other ? [...senders, other] : senders) {
        await pause(dice.between(...BETWEEN_MS));
        await victim.restart('SIGTERM');
      }
    },
    { isOrderly: true },
  ),
  hurt(
    'rebalance',
    'the second and third sender leave and join again',
    async (target, dice) => {
      const movers = dice.shuffled(target.movers).slice(0, 2);
      for (const mover of movers) await mover.leave();
      await pause(dice.between(...LEFT_MS));
      for (const mover of movers) {
        await mover.join();
        await pause(dice.between(...BETWEEN_MS));
      }
    },
    { isOrderly: true, buses: ['kafka'] },
  ),
  hurt(
    'broker-stopped',
    'the broker is stopped, and comes back',
    async ({ broker }, _, seconds) => {
      await broker?.stop();
      await pause(seconds * 1_000);
      await broker?.start();
    },
    // The gateway keeps nothing: a report whose repeats all come while the broker is away is lost, as Twilio's would be.
    { buses: ['kafka'], allowance: { mayLoseReports: true } },
  ),
  hurt(
    'topics-emptied',
    'every topic is deleted and made anew',
    async ({ broker }, dice) => {
      await pause(dice.between(...BETWEEN_MS));
      if (broker) await makeTopicsAnew(broker.address);
    },
    { buses: ['kafka'], allowance: { mayLoseReports: true } },
  ),
  hurt('postgres-killed', 'the database is killed, and comes back', async (target, dice) => {
    await pause(dice.between(...BETWEEN_MS));
    await target.killPostgres();
    await pause(dice.between(...DATABASE_AWAY_MS));
    await target.startPostgres();
  }),
  atProvider('provider-blackholed', 'the provider answers nothing', ['blackhole:0.5'], { mayGoUnanswered: true }),
  atProvider(
    'response-dropped',
    'the provider takes messages and does not say so',
    ['drop:0.4,half:0.2', 'drop:0.8', 'half:0.6'],
    {},
  ),
  atProvider('callbacks-dropped', 'the provider loses reports', ['cb-drop:0.3', 'cb-drop:0.8'], {
    mayLoseReports: true,
  }),
  atProvider(
    'callbacks-shuffled',
    'reports come late, twice, and in another order',
    ['cb-double:0.5,cb-shuffle=0ms..2s:0.6,cb-delay=0ms..1s:0.3', 'cb-double:1,cb-shuffle=0ms..1s:1'],
    {},
  ),
  atProvider('storm-429', 'the provider asks to wait', ['429:0.5', '429:0.9'], {}),
  atProvider('storm-5xx', 'the provider fails', ['500:0.3', '500:0.8,slow=200ms..1s:0.5'], { mayGoUnanswered: true }),
];

function atProvider(name: string, text: string, specs: readonly string[], allowance: Partial<Hurt['allowance']>): Hurt {
  return hurt(name, text, (target, dice, seconds) => goWrong(target, dice, { specs, seconds }), { allowance });
}

async function goWrong(
  { provider }: Target,
  dice: Dice,
  { specs, seconds }: { specs: readonly string[]; seconds: number },
): Promise<void> {
  await provider.goWrong(dice.pick(specs));
  await pause(seconds * 1_000);
  await provider.goWrong('none');
}
