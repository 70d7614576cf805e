import type { MessageReason } from '@herald/errors';

/** What is known of a message's newest attempt, and the best that any attempt proved. */
export interface Standing {
  attempt: number;
  /** Null until the newest attempt has an outcome. */
  rank: number | null;
  best: number;
  reason: string | null;
  providerCode: string | null;
  providerId: string | null;
}

/** What somebody says about an attempt: the answer to our send, a callback, or we ourselves when nobody can say. */
export interface Evidence {
  attempt: number;
  /**
   * As libs/channels ranks statuses. Those below ten lose to any word of the provider: 1 and 2 are our own inference, 3 to
   * 5 what an operator says, which outranks it.
   */
  rank: number;
  reason: MessageReason | null;
  providerCode: string | null;
  providerId: string | null;
}

/** The owner of the message died with the outcome: nobody knows it yet. */
export const UNKNOWN_RANK = 1;
/** Nobody knows, the provider was asked, and the wait is over. */
export const GIVEN_UP_RANK = 2;
/** What an operator says of an unknown outcome, and how it ranks. */
export const OPERATOR_RANKS = { SENT: 3, FAILED: 4, DELIVERED: 5 } as const;
/** The provider's words between these tell of a message that it has and that may still arrive. */
const FIRST_SENT_RANK = 10;
const LAST_SENT_RANK = 40;
const FIRST_FAILED_RANK = 50;
const DELIVERED_RANK = 70;
const READ_RANK = 90;
/** How `best` is written: it tells delivered from read and nothing finer. */
const BEST = { delivered: 80, read: 90 } as const;

/**
 * Merges evidence into a standing; undefined when it changes nothing. Ranks only grow, so that late, repeated and
 * out-of-order words are harmless in any order. About an earlier attempt only proof of delivery counts: the newest
 * attempt is the one the state tells of.
 */
export function merge(standing: Standing, evidence: Evidence): Standing | undefined {
  if (evidence.attempt > standing.attempt) return undefined;
  const best = Math.max(standing.best, bestOf(evidence.rank));
  if (evidence.attempt < standing.attempt) return best > standing.best ? { ...standing, best } : undefined;

  const providerId = standing.providerId ?? evidence.providerId;
  const known = { ...standing, best, providerId };
  if (says(evidence, standing)) {
    return { ...known, rank: evidence.rank, reason: evidence.reason, providerCode: evidence.providerCode };
  }
  return best > standing.best || providerId !== standing.providerId ? known : undefined;
}

/** Whether evidence about the newest attempt has the word from now on. */
function says({ rank, reason }: Evidence, standing: Standing): boolean {
  if (rank > (standing.rank ?? 0)) return true;
  // The one reason that comes without another rank: that nothing more was heard.
  return rank === standing.rank && standing.reason === null && reason !== null;
}

/** Whether one piece of evidence says that an attempt failed, and what is known of it that it arrived, or the reverse. */
export function contradicts(standing: Standing, { attempt, rank }: Evidence): boolean {
  if (attempt !== standing.attempt || standing.rank === null) return false;
  return hasFailed(rank) ? standing.rank >= DELIVERED_RANK : rank >= DELIVERED_RANK && hasFailed(standing.rank);
}

function hasFailed(rank: number): boolean {
  return rank >= FIRST_FAILED_RANK && rank < DELIVERED_RANK;
}

/** Whether the provider has the message and may still report on it. */
export function isUnderWay({ rank }: Pick<Standing, 'rank'>): boolean {
  return rank !== null && rank >= FIRST_SENT_RANK && rank <= LAST_SENT_RANK;
}

function bestOf(rank: number): number {
  if (rank >= READ_RANK) return BEST.read;
  return rank >= DELIVERED_RANK ? BEST.delivered : 0;
}

const BELOW_THE_PROVIDER: Readonly<Record<number, string>> = {
  [UNKNOWN_RANK]: 'UNKNOWN',
  [GIVEN_UP_RANK]: 'FAILED',
  [OPERATOR_RANKS.SENT]: 'SENT',
  [OPERATOR_RANKS.FAILED]: 'FAILED',
  [OPERATOR_RANKS.DELIVERED]: 'DELIVERED',
};

/**
 * The state that the view message_state shows for a message with an outcome; a spec holds the two together. What expired
 * stays so whatever its account says of it, unless it was delivered after all.
 */
export function stateOf({ rank, best, isExpired }: Pick<Standing, 'rank' | 'best'> & { isExpired: boolean }): string {
  const proven = Math.max(best, bestOf(rank ?? 0));
  if (proven >= READ_RANK) return 'READ';
  if (proven >= DELIVERED_RANK) return 'DELIVERED';
  if (isExpired) return 'EXPIRED';
  const inferred = BELOW_THE_PROVIDER[rank ?? 0];
  if (inferred !== undefined) return inferred;
  if ((rank ?? 0) < FIRST_FAILED_RANK) return 'SENT';
  return rank === 61 ? 'UNDELIVERED' : 'FAILED';
}
