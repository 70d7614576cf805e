import type { Database, Tx } from '@herald/postgres';
import { setTimeout as pause } from 'node:timers/promises';
import { applyEvidence, lock, type MessageEvidence } from '../evidence/evidence-store';
import type { EventDeps } from '../events';
import { SEND_WINDOW_MS } from '../send/claim';
import type { Leases } from '../send/leases';
import type { Senders } from '../send/senders';
import { askProvider, type Answer, type AskingDeps, type Question } from './ask-provider';
import { settleAnswers } from './settle-answers';
import {
  endVisit,
  readStanding,
  setNextLooks,
  takeDue,
  type DueBatch,
  type NextLookOf,
  type StandingMessage,
} from './visits';
import { askAgainMs, needOf, nextLookMs } from './when-to-look';

const LOOK_EVERY_MS = 2_000;
const BATCHES_PER_ROUND_MAX = 100;
/** A round asks so many questions of an account at most, which takes ten seconds; the rest is due at the next. */
const QUESTIONS_PER_ROUND_MAX = 200;
const ANSWERS_PER_TRANSACTION_MAX = 50;
/** A sender that cannot be used now is asked about again after this time. */
const UNUSABLE_RETRY_MS = 60_000;

/** What the checker works with. */
export interface CheckerDeps extends EventDeps, Omit<AskingDeps, 'signal'> {
  database: Database;
  leases: Pick<Leases, 'shards'>;
  senders: Pick<Senders, 'find'>;
  /** How long an unknown outcome waits for word of the provider before the provider is asked. */
  lookUpAfterMs: number;
  onError(error: unknown): void;
  /** Told of each question, by what its answer came to. */
  onAnswer(kind: string): void;
}

/** Asks for outcomes that did not come by themselves. */
export interface OutcomeChecker {
  stop(): Promise<void>;
}

/**
 * Looks after the batches of this instance's shards whose time has come. Of a batch that is taken it asks the provider
 * about each message that needs it, writes down the answers, and then sets the batch's next time, or none when nothing
 * is left to ask. Whoever makes a message unknown wakes it for the batch.
 *
 * Crash at any point: the batch is due again after five minutes, and what was written stays; asking again changes
 * nothing. Two that look after one batch at once, as in a hand-over, find the same.
 */
export function startOutcomeChecker(deps: CheckerDeps): OutcomeChecker {
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async () => {
    while (!signal.aborted) {
      const visited = await lookAfter({ ...deps, signal }).catch((error: unknown) => {
        deps.onError(error);
        return 0;
      });
      if (visited < BATCHES_PER_ROUND_MAX) await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** One round: looks after the batches that are due now, and returns how many those were. */
export async function lookAfter(deps: CheckerDeps & { signal: AbortSignal }): Promise<number> {
  const unknownMs = deps.lookUpAfterMs + SEND_WINDOW_MS;
  const putOff = new Map<string, number>();
  const nextOf: NextLookOf = (message, { takenAt }) => {
    const ms = putOff.get(message.id);
    return { ms: ms ?? nextLookMs(message, { now: takenAt, unknownMs }), isPutOff: ms !== undefined };
  };
  const { batches, busy, questions, quiet } = await deps.database.worker((tx) =>
    begin(tx, deps, { unknownMs, nextOf }),
  );
  if (busy.length === 0) return batches.length;
  await deps.database.worker((tx) => closeQuiet(tx, deps, quiet));
  const bySender = Map.groupBy(questions, ({ batch }) => `${batch.org}/${batch.channelId}`);
  await Promise.all(
    [...bySender.values()].map(async (all) => {
      for (const { message } of all.slice(QUESTIONS_PER_ROUND_MAX)) putOff.set(message.id, 0);
      await askAndSettle(deps, all.slice(0, QUESTIONS_PER_ROUND_MAX), putOff);
    }),
  );
  await deps.database.worker((tx) => endVisit(tx, busy, nextOf));
  return batches.length;
}

/**
 * Takes what is due and finds what it needs. Most batches need nothing: these get their next time here, in the
 * transaction that read them, and are done with.
 */
async function begin(
  tx: Tx,
  { leases }: CheckerDeps,
  { unknownMs, nextOf }: { unknownMs: number; nextOf: NextLookOf },
) {
  const batches = await takeDue(tx, [leases.shards(), BATCHES_PER_ROUND_MAX]);
  const messages = await readStanding(tx, batches);
  const byId = new Map(batches.map((batch) => [batch.id, batch]));
  const questions: Question[] = [];
  const quiet: StandingMessage[] = [];
  const busy = new Set<DueBatch>();
  for (const message of messages) {
    const batch = byId.get(message.batchId);
    if (!batch) continue;
    const need = needOf(message, { now: batch.takenAt, checkedAt: batch.checkedAt, unknownMs });
    if (need === 'nothing') continue;
    busy.add(batch);
    if (need === 'close') quiet.push(message);
    else questions.push({ batch, message, need });
  }
  const calm = batches.filter((batch) => !busy.has(batch));
  await setNextLooks(tx, { batches: calm, messages }, nextOf);
  return { batches, busy: [...busy], questions, quiet };
}

/** Says of messages that are sent that no more word of them is expected. */
async function closeQuiet(tx: Tx, deps: EventDeps, quiet: readonly StandingMessage[]): Promise<void> {
  if (quiet.length === 0) return;
  const locked = await lock(
    tx,
    quiet.map(({ org, id }) => ({ org, messageId: id })),
  );
  const evidence = quiet.flatMap(({ org, id, attempt, rank }): MessageEvidence[] =>
    rank === null
      ? []
      : [
          {
            ...{ org, messageId: id, attempt, rank, reason: 'DELIVERY_UNCONFIRMED' },
            ...{ providerCode: null, providerId: null, source: 'TIME' },
          },
        ],
  );
  await applyEvidence(tx, deps, { locked, evidence });
}

/** Asks about messages of one sender and writes down what comes; those to be asked about again are put off. */
async function askAndSettle(
  deps: CheckerDeps & { signal: AbortSignal },
  questions: readonly Question[],
  putOff: Map<string, number>,
): Promise<void> {
  const putAllOff = (retryAfterMs: number, some: readonly Question[]) => {
    for (const { message, batch } of some)
      putOff.set(message.id, askAgainMs(message, { now: batch.takenAt, retryAfterMs }));
  };
  try {
    const answers = await answersTo(deps, questions);
    for (let from = 0; from < answers.length; from += ANSWERS_PER_TRANSACTION_MAX) {
      const part = answers.slice(from, from + ANSWERS_PER_TRANSACTION_MAX);
      for (const judged of await deps.database.worker((tx) => settleAnswers(tx, deps, part))) {
        const { comesTo } = judged;
        deps.onAnswer(comesTo.kind);
        if (comesTo.kind === 'unavailable') putAllOff(comesTo.retryAfterMs, [judged]);
        if (comesTo.kind === 'ambiguous') putAllOff(0, [judged]);
      }
    }
  } catch (error) {
    deps.onError(error);
    putAllOff(0, questions);
  }
}

async function answersTo(
  deps: CheckerDeps & { signal: AbortSignal },
  questions: readonly Question[],
): Promise<Answer[]> {
  const [first] = questions;
  if (!first) return [];
  const state = await deps.senders.find(first.batch.org, first.batch.channelId);
  if (state.kind === 'usable') return askProvider(deps, state.sender, questions);
  const says = { kind: 'unavailable' as const, retryAfterMs: UNUSABLE_RETRY_MS };
  return questions.map((question) => ({ ...question, says }));
}
