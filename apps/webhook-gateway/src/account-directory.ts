import type { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { HeraldError } from '@herald/errors';
import type { PromiseClient } from '@herald/grpc';

/** The account behind a webhook's path, and what verifies its webhooks. */
export interface WebhookAccount {
  org: string;
  channelAccountId: string;
  /** The account's id at the provider. */
  providerAccountId: string;
  secrets: readonly string[];
}

/** Knows whose webhooks come in by which path. */
export interface AccountDirectory {
  /** The account, or undefined when the path leads nowhere. Throws when that cannot be told now. */
  find(segment: string): Promise<WebhookAccount | undefined>;
}

/** What the directory asks. */
export type Configurations = Pick<PromiseClient<ConfigurationServiceClient>, 'resolveWebhookAccount'>;

/** How old an answer may be, so that a rotation or a new account takes effect in that time. */
export const ANSWER_AGE_MS_MAX = 5_000;
/** So many accounts are remembered, and so many paths that lead nowhere. They are kept apart: guesses push out guesses. */
const ANSWERS_MAX = 10_000;
/** So many questions about paths that are not known are under way at once: guessing makes no flood behind the gateway. */
export const QUESTIONS_ABOUT_STRANGERS_MAX = 64;
/** Every path ever given out has this form: what has another is not worth a question. */
const SEGMENT_FORM = /^[A-Za-z0-9_-]{22,64}$/;
const ASK_DEADLINE_MS = 3_000;

interface Remembered<Value> {
  value: Value;
  askedAtMs: number;
}

/**
 * Asks configuration-service for each path at most every five seconds, also for those that lead nowhere; webhooks that
 * come meanwhile wait for the same answer. Questions that fail are not remembered. An account that is known is asked
 * about again whatever else goes on; a path that is not known waits for nobody, and is refused as one too many.
 */
export function accountDirectory(deps: { configurations: Configurations; monotonicMs(): number }): AccountDirectory {
  const known = new Map<string, Remembered<WebhookAccount>>();
  const unknown = new Map<string, Remembered<undefined>>();
  const underWay = new Map<string, Promise<WebhookAccount | undefined>>();
  let strangers = 0;

  const ask = async (segment: string, isStranger: boolean): Promise<WebhookAccount | undefined> => {
    const askedAtMs = deps.monotonicMs();
    if (isStranger) strangers += 1;
    try {
      const value = await askForAccount(deps.configurations, segment);
      known.delete(segment);
      unknown.delete(segment);
      if (value === undefined) remember(unknown, segment, { value, askedAtMs });
      else remember(known, segment, { value, askedAtMs });
      return value;
    } finally {
      underWay.delete(segment);
      if (isStranger) strangers -= 1;
    }
  };

  return {
    find: async (segment) => {
      if (!SEGMENT_FORM.test(segment)) return undefined;
      const answer = known.get(segment) ?? unknown.get(segment);
      if (answer !== undefined && deps.monotonicMs() - answer.askedAtMs < ANSWER_AGE_MS_MAX) return answer.value;
      const same = underWay.get(segment);
      if (same !== undefined) return same;
      const isStranger = !known.has(segment);
      if (isStranger && strangers >= QUESTIONS_ABOUT_STRANGERS_MAX) throw tooManyQuestions();
      const question = ask(segment, isStranger);
      underWay.set(segment, question);
      return question;
    },
  };
}

/** The account of a path as configuration-service knows it now, undefined when there is none. */
export async function askForAccount(
  configurations: Configurations,
  segment: string,
): Promise<WebhookAccount | undefined> {
  try {
    const found = await configurations.resolveWebhookAccount({ pathSegment: segment }, { deadlineMs: ASK_DEADLINE_MS });
    const { orgId, channelAccountId, providerAccountId, verificationKeys } = found;
    return { org: orgId, channelAccountId, providerAccountId, secrets: verificationKeys };
  } catch (error) {
    if (error instanceof HeraldError && error.reason === 'WEBHOOK_PATH_NOT_FOUND') return undefined;
    throw error;
  }
}

function remember<Value>(answers: Map<string, Remembered<Value>>, segment: string, answer: Remembered<Value>): void {
  answers.set(segment, answer);
  const [oldest] = answers.keys();
  if (answers.size > ANSWERS_MAX && oldest !== undefined) answers.delete(oldest);
}

function tooManyQuestions(): HeraldError {
  return new HeraldError('SERVICE_UNAVAILABLE', 'Too many unknown webhook paths are asked about at once.');
}
