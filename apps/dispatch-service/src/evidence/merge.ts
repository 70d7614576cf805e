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
  /** As libs/channels ranks statuses; 1 and 2 are our own inference and lose to any word of the provider. */
  rank: number;
  reason: MessageReason | null;
  providerCode: string | null;
  providerId: string | null;
}

/** The owner of the message died with the outcome: nobody knows it yet. */
export const UNKNOWN_RANK = 1;
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

  const isHigher = evidence.rank > (standing.rank ?? 0);
  const merged: Standing = {
    ...standing,
    best,
    rank: isHigher ? evidence.rank : standing.rank,
    reason: isHigher ? evidence.reason : standing.reason,
    providerCode: isHigher ? evidence.providerCode : standing.providerCode,
    providerId: standing.providerId ?? evidence.providerId,
  };
  const isChanged = isHigher || best > standing.best || merged.providerId !== standing.providerId;
  return isChanged ? merged : undefined;
}

function bestOf(rank: number): number {
  if (rank >= READ_RANK) return BEST.read;
  return rank >= DELIVERED_RANK ? BEST.delivered : 0;
}

/**
 * The state that the view message_state shows for a message with an outcome; a spec holds the two together. What expired
 * stays so whatever its account says of it, unless it was delivered after all.
 */
export function stateOf({ rank, best, isExpired }: Pick<Standing, 'rank' | 'best'> & { isExpired: boolean }): string {
  const proven = Math.max(best, bestOf(rank ?? 0));
  if (proven >= READ_RANK) return 'READ';
  if (proven >= DELIVERED_RANK) return 'DELIVERED';
  if (isExpired) return 'EXPIRED';
  if (rank === UNKNOWN_RANK) return 'UNKNOWN';
  if (rank === 2) return 'FAILED';
  if ((rank ?? 0) < 50) return 'SENT';
  return rank === 61 ? 'UNDELIVERED' : 'FAILED';
}
