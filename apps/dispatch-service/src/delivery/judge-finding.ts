import type { Finding, StatusReport } from '@herald/channels';

/** Which message and attempt an id of the provider belongs to. */
export interface Owner {
  messageId: string;
  attempt: number;
}

/** What is known beside the provider's list. */
export interface Knowledge {
  /** The message that is sought. */
  sought: Owner;
  /** Whose the ids of candidates are, as far as that is known. */
  owners: ReadonlyMap<string, Owner>;
  /** Whether another message of unknown outcome has the same text to the same number: then nobody can tell them apart. */
  hasTwin: boolean;
}

/** What a search comes to. */
export type Judgement = { kind: 'found'; report: StatusReport } | { kind: 'not_there' } | { kind: 'ambiguous' };

/**
 * Says which of the candidates the sought message is, and never guesses: ids that are known to be other messages' are
 * not it, exactly one that is nobody's is it, and more than one, a twin, or a list that was not read to its end leave it
 * open.
 */
export function judgeFinding(
  { candidates, isComplete }: Extract<Finding, { kind: 'found' }>,
  { sought, owners, hasTwin }: Knowledge,
): Judgement {
  const possible = candidates.filter(({ providerId }) => {
    const owner = owners.get(providerId);
    return owner === undefined || (owner.messageId === sought.messageId && owner.attempt === sought.attempt);
  });
  if (!isComplete) return { kind: 'ambiguous' };
  const [report, second] = possible;
  if (!report) return { kind: 'not_there' };
  return second || hasTwin ? { kind: 'ambiguous' } : { kind: 'found', report };
}
