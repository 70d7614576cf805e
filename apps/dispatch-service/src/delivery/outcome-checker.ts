import type { Database, Tx } from '@herald/postgres';
import { setTimeout as pause } from 'node:timers/promises';
import { applyEvidence, lock, type MessageEvidence } from '../evidence/evidence-store';
import type { EventDeps } from '../events';
import { SEND_WINDOW_MS } from '../claim/claim';
import type { Leases } from '../own/leases';
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
/** A visit asks so many questions about messages of one sender at most, which takes ten seconds. */
const QUESTIONS_PER_VISIT_MAX = 200;
/** An unknown outcome for which there was no room waits so long for the next visit. */
const NEXT_VISIT_MS = 10_000;
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
 * Rounds follow each other quickly, and a visit of a sender's batches may take long: rounds do not wait for visits, so
 * that an account with a million silent messages keeps nobody else's from being looked after. What comes due of a sender
 * that is being visited is put off.
 *
 * Crash at any point: the batch is due again after five minutes, and what was written stays; asking again changes
 * nothing. Two that look after one batch at once, as in a hand-over, find the same.
 */
export function startOutcomeChecker(deps: CheckerDeps): OutcomeChecker {
  const stopping = new AbortController();
  const { signal } = stopping;
  const visits: Visits = new Map();
  const run = async () => {
    while (!signal.aborted) {
      const due = await lookAfter({ ...deps, signal, visits }).catch((error: unknown) => {
        deps.onError(error);
        return 0;
      });
      if (due < BATCHES_PER_ROUND_MAX) await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
      await Promise.all(visits.values());
    },
  };
}

/** The visits under way, by sender. */
export type Visits = Map<string, Promise<void>>;

/** What a round works with. */
export type RoundDeps = CheckerDeps & { signal: AbortSignal; visits: Visits };

/** One round: begins visits of the batches that are due now, and returns how many those were. */
export async function lookAfter(deps: RoundDeps): Promise<number> {
  const { visits } = deps;
  const { batches, busy, questions, quiet } = await deps.database.worker((tx) => begin(tx, deps));
  if (quiet.length > 0) await deps.database.worker((tx) => closeQuiet(tx, deps, quiet));
  const questionsOf = Map.groupBy(questions, ({ batch }) => senderOf(batch));
  for (const [sender, due] of Map.groupBy(busy, senderOf)) {
    const asked = questionsOf.get(sender) ?? [];
    if (visits.has(sender)) {
      await visit(deps, due, { now: [], later: asked });
      continue;
    }
    const visiting = visit(deps, due, choose(asked))
      .catch(deps.onError)
      .finally(() => void visits.delete(sender));
    visits.set(sender, visiting);
  }
  return batches.length;
}

function senderOf({ org, channelId }: DueBatch): string {
  return `${org}/${channelId}`;
}

/** The questions for which a visit has time, those about unknown outcomes first, and the rest. */
function choose(questions: readonly Question[]): { now: Question[]; later: Question[] } {
  const { search = [], 'look-up': lookUp = [] } = Object.groupBy(questions, ({ need }) => need);
  const inTurn = [...search, ...lookUp];
  return { now: inTurn.slice(0, QUESTIONS_PER_VISIT_MAX), later: inTurn.slice(QUESTIONS_PER_VISIT_MAX) };
}

/** Asks what there is time for, puts the rest off, and sets the batches' next times. */
async function visit(
  deps: RoundDeps,
  batches: readonly DueBatch[],
  { now, later }: { now: readonly Question[]; later: readonly Question[] },
): Promise<void> {
  const putOff = new Map<string, number>();
  for (const { batch, message, need } of later) {
    const lookUpMs = () => askAgainMs(message, { now: batch.takenAt, retryAfterMs: 0 });
    putOff.set(message.id, need === 'search' ? NEXT_VISIT_MS : lookUpMs());
  }
  await askAndSettle(deps, now, putOff);
  await deps.database.worker((tx) => endVisit(tx, batches, nextLookOf(deps, putOff)));
}

/** When a message is to be looked after next: as its state wants it, or later where it was put off. */
function nextLookOf(deps: CheckerDeps, putOff?: ReadonlyMap<string, number>): NextLookOf {
  return (message, { takenAt }) => {
    const ms = putOff?.get(message.id);
    return { ms: ms ?? nextLookMs(message, { now: takenAt, unknownMs: unknownMs(deps) }), isPutOff: ms !== undefined };
  };
}

/** What is unknown may have left as late as a slice's window ends after its claim, and its wait counts from there. */
function unknownMs({ lookUpAfterMs }: CheckerDeps): number {
  return lookUpAfterMs + SEND_WINDOW_MS;
}

/**
 * Takes what is due and finds what it needs. Most batches need nothing: these get their next time here, in the
 * transaction that read them, and are done with.
 */
async function begin(tx: Tx, deps: CheckerDeps) {
  const batches = await takeDue(tx, [deps.leases.shards(), BATCHES_PER_ROUND_MAX]);
  const messages = await readStanding(tx, batches);
  const byId = new Map(batches.map((batch) => [batch.id, batch]));
  const questions: Question[] = [];
  const quiet: StandingMessage[] = [];
  const busy = new Set<DueBatch>();
  for (const message of messages) {
    const batch = byId.get(message.batchId);
    if (!batch) continue;
    const need = needOf(message, { now: batch.takenAt, checkedAt: batch.checkedAt, unknownMs: unknownMs(deps) });
    if (need === 'nothing') continue;
    busy.add(batch);
    if (need === 'close') quiet.push(message);
    else questions.push({ batch, message, need });
  }
  const calm = batches.filter((batch) => !busy.has(batch));
  await setNextLooks(tx, { batches: calm, messages }, nextLookOf(deps));
  return { batches, busy: [...busy], questions, quiet };
}

/** Says of messages that are sent that no more word of them is expected. */
async function closeQuiet(tx: Tx, deps: EventDeps, quiet: readonly StandingMessage[]): Promise<void> {
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
  deps: RoundDeps,
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

async function answersTo(deps: RoundDeps, questions: readonly Question[]): Promise<Answer[]> {
  const [first] = questions;
  if (!first) return [];
  const state = await deps.senders.find(first.batch.org, first.batch.channelId);
  if (state.kind === 'usable') return askProvider(deps, state.sender, questions);
  const says = { kind: 'unavailable' as const, retryAfterMs: UNUSABLE_RETRY_MS };
  return questions.map((question) => ({ ...question, says }));
}
