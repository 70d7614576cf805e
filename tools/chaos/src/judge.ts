import { MessageState } from '@herald/contracts/dispatch';

/** A message that a caller was told is accepted. */
export interface AcceptedMessage {
  id: string;
  acceptedAtMs: number;
  guarantee: 'AT_MOST_ONCE' | 'AT_LEAST_ONCE';
}

/** A message that the provider took. */
export interface Receipt {
  messageId: string;
  attempt: number;
  receivedAtMs: number;
}

/** What the ledger says of a message. */
export interface Entry {
  state: MessageState;
  reason: string;
}

/** What a run may cost, by what befell it. */
export interface Allowance {
  /** The provider left requests unanswered: what it did not take may stay unknown. */
  mayGoUnanswered: boolean;
  /** Reports were lost on their way: what was sent may stand as sent. */
  mayLoseReports: boolean;
}

/** What a run is judged by: what callers were told, what the ledger says, what the provider has. */
export interface Evidence {
  accepted: readonly AcceptedMessage[];
  ledger: ReadonlyMap<string, Entry>;
  receipts: readonly Receipt[];
  /** What stood in slices without an outcome at the kills: only their fate may be unknown to everybody. */
  openAtKill: ReadonlySet<string>;
  /** Taken more than once, and called unknown before the last time. */
  seenUnknown: ReadonlySet<string>;
  allowance: Allowance;
}

/** What became of the accepted messages: each that is not fine is of one kind, and may be duplicated besides. */
export interface Verdict {
  accepted: number;
  /** The ledger does not know them, has no end for them, or calls sent what the provider has not. A fault. */
  lost: number;
  /** Taken more than once in an attempt, or at all where that is promised not to be, or before anyone called them unknown. A fault. */
  duplicated: number;
  /** Nobody knows their fate, and the provider has not got them; they were under way at a kill. */
  unknown: number;
  /** The same, and the provider was asked and says that it has not got them. */
  failedUnknown: number;
  /** The same, though nothing was killed, where the provider left requests unanswered. */
  unanswered: number;
  /** Unknown, though the provider has them and answers for it; or unknown with no kill and no silence to explain it. A fault. */
  unresolved: number;
  /** Sent, and no word came, where words were lost. */
  unheard: number;
  /** The longest time from acceptance to the provider. */
  pauseMsMax: number;
}

const UNKNOWN_OUTCOME = 'UNKNOWN_OUTCOME';
type Kind = 'lost' | 'unknown' | 'failedUnknown' | 'unanswered' | 'unresolved' | 'unheard' | 'fine';

/** Judges a run that has come to its end, with a provider that delivers all that it takes. */
export function judge(evidence: Evidence): Verdict {
  const received = Map.groupBy(evidence.receipts, ({ messageId }) => messageId);
  const kinds = { lost: 0, unknown: 0, failedUnknown: 0, unanswered: 0, unresolved: 0, unheard: 0, fine: 0 };
  let duplicated = 0;
  let pauseMsMax = 0;
  for (const message of evidence.accepted) {
    const taken = received.get(message.id) ?? [];
    kinds[kindOf(message.id, taken.length > 0, evidence)] += 1;
    if (isDuplicated(message, taken, evidence)) duplicated += 1;
    for (const { receivedAtMs } of taken) pauseMsMax = Math.max(pauseMsMax, receivedAtMs - message.acceptedAtMs);
  }
  const { fine: _, ...counted } = kinds;
  return { accepted: evidence.accepted.length, ...counted, duplicated, pauseMsMax };
}

function isDuplicated({ id, guarantee }: AcceptedMessage, taken: readonly Receipt[], evidence: Evidence): boolean {
  if (taken.length <= 1) return false;
  const attempts = new Set(taken.map(({ attempt }) => attempt));
  return attempts.size < taken.length || guarantee === 'AT_MOST_ONCE' || !evidence.seenUnknown.has(id);
}

function kindOf(id: string, isReceived: boolean, evidence: Evidence): Kind {
  const entry = evidence.ledger.get(id);
  switch (entry?.state) {
    case MessageState.DELIVERED:
    case MessageState.READ:
      return isReceived ? 'fine' : 'lost';
    case MessageState.SENT:
      return isReceived ? whySent(evidence) : 'lost';
    case MessageState.UNKNOWN:
      return isReceived ? 'unresolved' : whyUnknown(id, 'unknown', evidence);
    case MessageState.FAILED:
      if (entry.reason !== UNKNOWN_OUTCOME) return 'lost';
      return isReceived ? 'unresolved' : whyUnknown(id, 'failedUnknown', evidence);
    default:
      return 'lost';
  }
}

function whySent({ allowance }: Evidence): Kind {
  return allowance.mayLoseReports ? 'unheard' : 'unresolved';
}

function whyUnknown(id: string, kind: 'unknown' | 'failedUnknown', { openAtKill, allowance }: Evidence): Kind {
  if (openAtKill.has(id)) return kind;
  return allowance.mayGoUnanswered ? 'unanswered' : 'unresolved';
}

/** What the whole of a system is judged by, besides its messages. */
export interface Whole {
  /** Every message that callers were told of. */
  accepted: ReadonlySet<string>;
  /** Every message that the ledger has. */
  inLedger: Iterable<string>;
  isConserved: readonly boolean[];
  /** Whether a repeat of each of some requests got the answer that the first one got. */
  repeatsAgree: readonly boolean[];
}

/** What is wrong with the whole, in words; nothing if all is well. */
export function faultsOfWhole({ accepted, inLedger, isConserved, repeatsAgree }: Whole): string[] {
  const untold = [...inLedger].filter((id) => !accepted.has(id)).length;
  const torn = isConserved.filter((each) => !each).length;
  const different = repeatsAgree.filter((each) => !each).length;
  return [
    ...(untold > 0
      ? [`${untold} messages in the ledger that no caller was told of: a request was accepted twice`]
      : []),
    ...(torn > 0 ? [`${torn} ledgers are not conserved`] : []),
    ...(different > 0 ? [`${different} requests were answered twice differently`] : []),
  ];
}

const SUSPECTS_MAX = 5;

/** Some messages that are not as they should be, in words that say where they stand, for whoever looks into it. */
export function suspectsOf(evidence: Evidence): string[] {
  const received = Map.groupBy(evidence.receipts, ({ messageId }) => messageId);
  return evidence.accepted
    .flatMap((message) => {
      const taken = received.get(message.id) ?? [];
      const kind = kindOf(message.id, taken.length > 0, evidence);
      const isFine = !isDuplicated(message, taken, evidence) && kind !== 'lost' && kind !== 'unresolved';
      const { state, reason } = evidence.ledger.get(message.id) ?? { state: 'not in the ledger', reason: '' };
      const attempts = taken.map(({ attempt }) => attempt).join() || 'none';
      return isFine ? [] : [`${message.id} ${message.guarantee}: ${state} ${reason}; taken in attempts: ${attempts}`];
    })
    .slice(0, SUSPECTS_MAX);
}

/** What is wrong with a verdict, in words; nothing if all is well. */
export function faultsOf({ lost, duplicated, unresolved }: Verdict): string[] {
  return Object.entries({ lost, duplicated, unresolved }).flatMap(([kind, count]) =>
    count > 0 ? [`${count} ${kind}`] : [],
  );
}

/** So long may a message wait for its turn where processes leave and join in order: what P20 of the promises gives it. */
const ORDERLY_PAUSE_MS_MAX = 10_000;

/** What is wrong besides where every process ended in order: then nothing may become unknown, and nothing stands still. */
export function faultsOfOrder({ unknown, failedUnknown, pauseMsMax }: Verdict): string[] {
  const unknowns = unknown + failedUnknown;
  return [
    ...(unknowns > 0 ? [`${unknowns} unknown though every process ended in order`] : []),
    ...(pauseMsMax > ORDERLY_PAUSE_MS_MAX ? [`a message waited ${pauseMsMax} ms, beyond ${ORDERLY_PAUSE_MS_MAX}`] : []),
  ];
}
