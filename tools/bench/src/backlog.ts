import { setTimeout as pause } from 'node:timers/promises';
import { accept } from './accept';
import { CALLERS, type Bench } from './bench';
import { letGo, type Organisation } from './organisations';

/** Messages that were accepted and may not leave yet. */
export interface HeldBacklog {
  organisations: readonly Organisation[];
  accepted: number;
  /** When they may. */
  readyTime: Date;
}

/** Time to settle between the last acceptance and the release. */
const QUIET_MS = 3_000;
const ALLOWANCES = [1.3, 2.5, 5];
/** By the rate of a process that has just started, three million would wait for a quarter of an hour after the last. */
const PROBE_CONTACTS = 50_000;
/** What may leave in a day leaves when nobody is here any more. */
export const A_DAY_MS = 24 * 3_600_000;
const LOOK_EVERY_MS = 100;
/** Slower than this many messages a second is standing still. */
const SLOWEST_PER_S = 100;
const PATIENCE_MS = 120_000;

/**
 * Has a backlog accepted that leaves at one moment: every request names it as its `ready_time`, so that nothing is held
 * by a means that production has not. The moment is guessed from how fast requests were last accepted; where the guess
 * was too early it is made again, with other organisations, when the first are done.
 */
export async function acceptBacklog(
  bench: Bench,
  make: () => Promise<Organisation[]>,
  messages: number,
): Promise<HeldBacklog> {
  if (messages > 4 * PROBE_CONTACTS) bench.acceptPerS = await probedPerS(make);
  for (const allowance of ALLOWANCES) {
    const organisations = await make();
    const neededMs = (messages / bench.acceptPerS) * 1000 * allowance;
    const readyTime = new Date(Date.now() + neededMs + QUIET_MS);
    const goesOn = (begun: number) => begun < messages;
    const { accepted, seconds } = await accept({ organisations, callers: CALLERS, readyTime, goesOn });
    bench.acceptPerS = accepted / seconds;
    if (Date.now() + QUIET_MS / 2 < readyTime.getTime()) return { organisations, accepted, readyTime };
    await untilDone(bench, organisations, accepted);
    letGo(organisations);
  }
  throw new Error(`a backlog of ${messages} was not accepted in the time that it was given`);
}

/** How fast contacts are accepted now. */
async function probedPerS(make: () => Promise<Organisation[]>): Promise<number> {
  const organisations = await make();
  const readyTime = new Date(Date.now() + A_DAY_MS);
  const goesOn = (begun: number) => begun < PROBE_CONTACTS;
  const { accepted, seconds } = await accept({ organisations, callers: CALLERS, readyTime, goesOn });
  letGo(organisations);
  return accepted / seconds;
}

/** Waits for the moment at which a backlog leaves. */
export async function untilReady({ readyTime }: HeldBacklog): Promise<void> {
  await pause(Math.max(0, readyTime.getTime() - Date.now()));
}

/** Waits until nothing of the organisations is open and no event waits. Returns when it stood, by the monotonic clock, in ms. */
export async function untilDone(
  { ledger }: Pick<Bench, 'ledger'>,
  organisations: readonly Pick<Organisation, 'id'>[],
  messages: number,
): Promise<number> {
  const ids = organisations.map(({ id }) => id);
  const deadline = performance.now() + (messages / SLOWEST_PER_S) * 1000 + PATIENCE_MS;
  while (await ledger.isOpen(ids)) {
    if (performance.now() > deadline) throw new Error(`${messages} messages were not settled in time`);
    await pause(LOOK_EVERY_MS);
  }
  return performance.now();
}
