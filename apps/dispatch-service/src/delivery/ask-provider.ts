import type { ChannelAdapter, Finding, LookUp } from '@herald/channels';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sender } from '../send/senders';
import type { DueBatch, StandingMessage } from './visits';

/** Look-ups share the account's limits with sends, which go first: a few at once, and twenty in a second. */
const ASKED_AT_ONCE = 4;
const LEAST_MS_PER_QUESTION = 200;
/** Our clock and the provider's may differ by so much, and its list has whole seconds. */
const CLOCKS_DIFFER_MS = 60_000;

/** No attempt of a batch was taken before this time, by the provider's clock. */
export function earliestOf({ readyAt }: DueBatch): Date {
  return new Date(readyAt.getTime() - CLOCKS_DIFFER_MS);
}

/** A message that the provider is asked about. */
export interface Question {
  batch: DueBatch;
  message: StandingMessage;
  need: 'search' | 'look-up';
}

/** What the provider says; `unavailable` where it could not be asked, or could not say. */
export interface Answer extends Question {
  says: Finding | LookUp;
}

/** What asking needs of the world. */
export interface AskingDeps {
  channel: Pick<ChannelAdapter, 'lookUp' | 'find'>;
  monotonicMs(): number;
  signal: AbortSignal;
}

/**
 * Asks about messages of one account, one question each. As soon as the provider cannot say, the rest is not asked: who
 * is down or throttles is not to be asked a hundred times more.
 */
export async function askProvider(deps: AskingDeps, sender: Sender, questions: readonly Question[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  const open = [...questions];
  let away: Extract<Finding, { kind: 'unavailable' }> | undefined;
  const askInTurn = async () => {
    for (let question = open.shift(); question; question = open.shift()) {
      const beganAtMs = deps.monotonicMs();
      const says: Finding | LookUp = away ?? (await ask(deps, sender, question));
      answers.push({ ...question, says });
      if (says.kind === 'unavailable') away = says;
      const restMs = away ? 0 : LEAST_MS_PER_QUESTION - (deps.monotonicMs() - beganAtMs);
      if (open.length > 0 && restMs > 0) await pause(restMs);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askInTurn));
  return answers;
}

function ask(
  { channel, signal }: AskingDeps,
  { address, access }: Sender,
  { batch, message, need }: Question,
): Promise<Finding | LookUp> {
  const { providerId, toAddress, body, outcomeAt } = message;
  if (need === 'look-up' && providerId !== null) return channel.lookUp(providerId, access, signal);
  // What was erased cannot be searched for, and waits for its deadline.
  if (toAddress === null || body === null) return Promise.resolve(UNASKABLE);
  const sentAfter = earliestOf(batch);
  const sentBefore = new Date((outcomeAt ?? batch.takenAt).getTime() + CLOCKS_DIFFER_MS);
  return channel.find({ to: toAddress, from: address, body, sentAfter, sentBefore }, access, signal);
}

const UNASKABLE: Finding = { kind: 'found', candidates: [], isComplete: false };
