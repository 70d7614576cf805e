import type { SendOutcome } from '@herald/channels';
import { HeraldError } from '@herald/errors';
import { failpoint } from '@herald/failpoints';
import type { Database } from '@herald/postgres';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventDeps } from '../events';
import type { ClaimedMessage, ClaimedSlice } from '../claim/claim';
import { makeOpenSlices, type OpenSlices } from './open-slices';
import { recordFirstWords, recordOutcomes, type SentOutcome } from './record-outcomes';

/** Outcomes are flushed when so many wait, or after FLUSH_EVERY_MS. */
const FLUSH_OUTCOMES = 200;
/** A flush takes so many of what waits: beside a busy process its round trips are what takes time, and these go round together. */
const FLUSH_OUTCOMES_MAX = 1_000;
const FLUSH_EVERY_MS = 50;
/** With so many outcomes waiting no more is claimed: a database that is away must not fill the memory. */
const WAITING_MAX = 4_000;
const RETRY_PAUSE_MS = 200;
const RETRY_PAUSE_MS_MAX = 5_000;
/** So often is one outcome alone refused by a database that answers, before it is given up; 3 s with the pauses. */
const REFUSALS_MAX = 4;

/** Writes down what became of each send. */
export interface Recorder extends Omit<OpenSlices, 'completedBy' | 'written'> {
  record(slice: ClaimedSlice, message: ClaimedMessage, outcome: SendOutcome): void;
  /** Whether there is room for another slice's outcomes. */
  hasRoom(): boolean;
  /** Writes what is left; gives up after `withinMs`, and what was not written is found as unknown later. */
  stop(withinMs: number): Promise<void>;
}

/** What the recorder works with. */
export interface RecorderDeps extends EventDeps {
  database: Database;
  onError(error: unknown): void;
  /** Told of each flush, by its number of outcomes. */
  onFlushed(outcomes: number): void;
}

/**
 * Collects outcomes of all slices and writes them in bulk, in two queues side by side: every 50 ms, or when 200 wait. Of a
 * queue one flush goes at a time. One that fails because the database is away is tried again with the same outcomes,
 * because they are the only trace of what the provider answered. One that the database refuses is tried in smaller and
 * smaller parts, until the outcome that cannot be written stands alone and is left to recovery: it must not keep all others
 * from the ledger. A slice's row is deleted in the flush that writes its last outcome.
 *
 * Most of a flush are first words, which one transaction writes; what has to be merged follows in a second. Crash before
 * either: the slice's row stands, and its messages become unknown. After the last: nothing is left to do.
 */
export function recorder(deps: RecorderDeps): Recorder {
  const slices = makeOpenSlices();
  // Two flushes go side by side: one goes round while the other is written.
  const [even, odd] = [outcomeQueue(deps, slices), outcomeQueue(deps, slices)];
  return {
    ...slices,
    record: (slice, message, outcome) => (isEven(slice) ? even : odd).add({ slice, message, outcome }),
    hasRoom: () => even.waiting() + odd.waiting() < WAITING_MAX,
    stop: async (withinMs) => {
      const stops = await Promise.allSettled([even.stop(withinMs), odd.stop(withinMs)]);
      for (const stop of stops) if (stop.status === 'rejected') throw stop.reason;
    },
  };
}

/** A slice's outcomes go through one queue: its row is deleted with the last of them, which has to be written last. */
function isEven({ batchId }: ClaimedSlice): boolean {
  return Number.parseInt(batchId.slice(-1), 16) % 2 === 0;
}

interface OutcomeQueue {
  add(outcome: SentOutcome): void;
  /** How many are not written. */
  waiting(): number;
  stop(withinMs: number): Promise<void>;
}

function outcomeQueue(deps: RecorderDeps, slices: OpenSlices): OutcomeQueue {
  let waiting: SentOutcome[] = [];
  let flushing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const isGivingUp = () => isOver;

  const write = async (outcomes: readonly SentOutcome[]) => {
    const complete = slices.completedBy(outcomes);
    const rest = await deps.database.worker(async (tx) => {
      const left = await recordFirstWords(tx, deps, { outcomes, slices: complete });
      await failpoint('ledger.before_commit');
      return left;
    });
    if (rest.length > 0) {
      await deps.database.worker((tx) => recordOutcomes(tx, deps, { outcomes: rest, slices: complete }));
    }
    await failpoint('ledger.after_commit');
    slices.written(outcomes);
    deps.onFlushed(outcomes.length);
  };
  const flushOnce = async () => {
    const passed = await writeFirst(waiting, { write, abandon: slices.abandon, onError: deps.onError, isGivingUp });
    waiting = waiting.slice(passed);
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    flushing ??= flushOnce().finally(() => {
      flushing = undefined;
      // Who gave up does not begin again: each flush would fail as fast as the last.
      if (isOver) return;
      if (waiting.length >= FLUSH_OUTCOMES) flush();
      else if (waiting.length > 0) timer ??= setTimeout(flush, FLUSH_EVERY_MS);
    });
    // Its failure was reported; only giving up lets it through, and stop() sees that.
    flushing.catch(() => undefined);
  };

  return {
    add: (outcome) => {
      waiting.push(outcome);
      if (waiting.length >= FLUSH_OUTCOMES) flush();
      else timer ??= setTimeout(flush, FLUSH_EVERY_MS);
    },
    waiting: () => waiting.length,
    stop: async (withinMs) => {
      const deadline = setTimeout(() => {
        isOver = true;
      }, withinMs);
      try {
        while (waiting.length > 0) {
          flush();
          await flushing;
        }
      } finally {
        clearTimeout(deadline);
        clearTimeout(timer);
      }
    },
  };
}

/**
 * Writes the first of what waits, as much of it as the database takes, and returns how many outcomes are done with. It
 * goes on until something is, because nothing may be lost; one outcome alone that is refused again and again is passed,
 * and its slice abandoned. Throws only when it is to give up.
 */
async function writeFirst(
  waiting: readonly SentOutcome[],
  ports: {
    write(outcomes: readonly SentOutcome[]): Promise<void>;
    abandon(slice: SentOutcome['slice']): void;
    onError(error: unknown): void;
    isGivingUp(): boolean;
  },
): Promise<number> {
  let outcomes = waiting.slice(0, FLUSH_OUTCOMES_MAX);
  let pauseMs = RETRY_PAUSE_MS;
  let refusals = 0;
  while (refusals < REFUSALS_MAX) {
    try {
      await ports.write(outcomes);
      return outcomes.length;
    } catch (error) {
      ports.onError(error);
      if (ports.isGivingUp()) throw error;
      const isRefused = !(error instanceof HeraldError && error.retryable);
      if (isRefused && outcomes.length > 1) {
        outcomes = outcomes.slice(0, Math.ceil(outcomes.length / 2));
        continue;
      }
      refusals += isRefused ? 1 : 0;
      await pause(pauseMs, undefined, { ref: false });
      pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS_MAX);
    }
  }
  for (const { slice } of outcomes) ports.abandon(slice);
  return outcomes.length;
}
