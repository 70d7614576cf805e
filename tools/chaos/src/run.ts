import { setTimeout as pause } from 'node:timers/promises';
import { MessageState, type Message } from '@herald/contracts/dispatch';
import {
  faultsOf,
  faultsOfOrder,
  faultsOfWhole,
  judge,
  suspectsOf,
  type Allowance,
  type Receipt,
  type Verdict,
} from './judge';
import { beginLoad, repeatsAgree, type Load } from './load';
import type { Run } from './plan';
import { ledgersOf, messagesOf, type Target } from './target';

/** What a run came to. */
export interface Outcome extends Verdict {
  name: string;
  /** Messages that stood without an outcome at its kills. */
  openAtKill: number;
  failpointsHit: number;
  /** The longest that a caller waited until a request was accepted. */
  requestMsMax: number;
  /** How often a call failed beyond the client's own repeats, and was repeated with its id. */
  repeats: number;
  faults: readonly string[];
  /** Some of the messages that are at fault. */
  suspects: readonly string[];
}

/** A run that has hurt, and is judged when all is settled. */
interface Done extends Pick<Outcome, 'failpointsHit'> {
  run: Run;
  load: Load;
  /** What stood without an outcome at its kills. */
  open: ReadonlySet<string>;
  failure: string | undefined;
  allowance: Allowance;
}

/** What a seed came to on a bus. */
export interface SeedOutcome {
  outcomes: readonly Outcome[];
  /** What is wrong with the whole. */
  faults: readonly string[];
}

/** Load before and after each hurt, so that it meets messages in all states. */
const AROUND_MS = 500;
/** What a dead process had claimed is unknown 25 s after its last moment to send, and asked after 7 s later, some at a time. */
const SETTLE_MS_MAX = 90_000;
const OUT_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 500;
const REPEATED_REQUESTS = 40;
const OPEN = [MessageState.QUEUED, MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN];

/** Does one run after the other to a system that stays up, waits until all is settled, and judges each and the whole. */
export async function runAll(
  target: Target,
  runs: readonly Run[],
  { seconds, print }: { seconds: number; print(line: string): void },
): Promise<SeedOutcome> {
  const done: Done[] = [];
  let sinceMs = performance.now();
  const tell = (what: string) => {
    const nowMs = performance.now();
    print(`  ${what} (${((nowMs - sinceMs) / 1_000).toFixed(1)} s)`);
    sinceMs = nowMs;
  };
  for (const run of runs) {
    done.push(await hurtUnderLoad(target, run, seconds));
    tell(`${run.hurt.name}: ${run.hurt.text}`);
  }
  const messages = await settled(target, done);
  tell('all is settled');
  const receipts = await target.provider.all();
  const seenUnknown = await wereUnknown(done, receipts);
  const ledger = new Map(messages.map(({ id, state, reason }) => [id, { state, reason }]));
  const outcomes = done.map((each): Outcome => {
    const { allowance, load } = each;
    const evidence = {
      ...{ accepted: load.accepted, ledger, receipts, seenUnknown },
      ...{ openAtKill: target.openAtKill, allowance },
    };
    return { ...outcomeOf(each, judge(evidence)), suspects: suspectsOf(evidence) };
  });
  return { outcomes, faults: await wholeFaults(target, done, ledger.keys()) };
}

async function hurtUnderLoad(target: Target, run: Run, seconds: number): Promise<Done> {
  const [hitsBefore, openBefore] = [(await target.arming.hits()).length, new Set(target.openAtKill)];
  const pids = pidsOf(target);
  const load = beginLoad(target.callers);
  let failure: string | undefined;
  try {
    await pause(AROUND_MS);
    await run.hurt.act(target, run.dice, seconds);
    await pause(AROUND_MS);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  await load.stop().catch((error: unknown) => (failure ??= `a request was never accepted: ${String(error)}`));
  await allOut(target);
  const failpointsHit = (await target.arming.hits()).length - hitsBefore;
  return {
    run,
    load,
    failpointsHit,
    open: new Set([...target.openAtKill].filter((id) => !openBefore.has(id))),
    failure,
    allowance: allowanceOf(target, run, pids),
  };
}

const pidsOf = (target: Target) =>
  target
    .victims()
    .map(({ pid }) => pid)
    .join();

/**
 * In one process the only gateway goes with all else, and the provider repeats a report for 15 s alone: what is told
 * meanwhile is asked for a quarter of an hour later, which nobody here waits for.
 */
function allowanceOf(target: Target, { hurt }: Run, pidsBefore: string): Allowance {
  const isGatewayGone = target.bus === 'in-process' && pidsOf(target) !== pidsBefore;
  return { ...hurt.allowance, mayLoseReports: hurt.allowance.mayLoseReports || isGatewayGone };
}

/**
 * Until nothing is queued or being sent but by the dead, and the provider has nothing more to tell: what befalls the system
 * next must not meet the messages of this run.
 */
async function allOut(target: Target): Promise<void> {
  const deadline = performance.now() + OUT_WITHIN_MS;
  for (;;) {
    const ledgers = await ledgersOf(target);
    const isNoneQueued = ledgers.every(({ counts }) => counts?.queued === 0);
    const isOut = isNoneQueued && (await target.open()).every((id) => target.openAtKill.has(id));
    if (isOut || performance.now() > deadline) break;
    await pause(LOOK_EVERY_MS);
  }
  await target.provider.idle();
}

/** Every message, when each has come to its end, or what cannot is all that is left. */
async function settled(target: Target, done: readonly Done[]): Promise<Message[]> {
  const mayStayAsSent = new Set(
    done.flatMap(({ load, allowance }) => (allowance.mayLoseReports ? load.accepted.map(({ id }) => id) : [])),
  );
  const deadline = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const open = await messagesOf(target, OPEN);
    const isDone = open.every(({ id, state }) => state === MessageState.SENT && mayStayAsSent.has(id));
    if (isDone || performance.now() > deadline) return messagesOf(target);
    await pause(LOOK_EVERY_MS);
  }
}

/** Of the messages that the provider took more than once, those whose history says that their fate was unknown before. */
async function wereUnknown(done: readonly Done[], receipts: readonly Receipt[]): Promise<Set<string>> {
  const taken = Map.groupBy(receipts, ({ messageId }) => messageId);
  const were = new Set<string>();
  for (const { caller, answer } of done.flatMap(({ load }) => load.told)) {
    for (const { outcome } of answer.results) {
      const messageId = outcome?.$case === 'accepted' ? outcome.value.messageId : '';
      if ((taken.get(messageId)?.length ?? 0) <= 1) continue;
      const { steps } = await caller.dispatch.listMessageSteps({ messageId, pageSize: 0, pageToken: '' });
      if (steps.some(({ state }) => state === MessageState.UNKNOWN)) were.add(messageId);
    }
  }
  return were;
}

function outcomeOf({ run, load, open, failpointsHit, failure }: Done, verdict: Verdict): Omit<Outcome, 'suspects'> {
  const { name, isOrderly } = run.hurt;
  const faults = [
    ...faultsOf(verdict),
    ...(isOrderly ? faultsOfOrder(verdict) : []),
    ...(failure === undefined ? [] : [failure]),
  ];
  return {
    ...{ name, ...verdict, openAtKill: open.size, failpointsHit },
    ...{ requestMsMax: load.longestRequestMs(), repeats: load.repeats(), faults },
  };
}

async function wholeFaults(target: Target, done: readonly Done[], inLedger: Iterable<string>): Promise<string[]> {
  const told = done.flatMap(({ load }) => load.told);
  const every = Math.max(1, Math.floor(told.length / REPEATED_REQUESTS));
  const again: boolean[] = [];
  for (const each of told.filter((_, at) => at % every === 0)) again.push(await repeatsAgree(each));
  return faultsOfWhole({
    accepted: new Set(done.flatMap(({ load }) => load.accepted.map(({ id }) => id))),
    inLedger,
    isConserved: (await ledgersOf(target)).map(({ conserved }) => conserved),
    repeatsAgree: again,
  });
}
