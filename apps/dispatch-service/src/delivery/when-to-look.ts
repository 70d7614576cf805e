import { isUnderWay, UNKNOWN_RANK } from '../evidence/merge';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A message that the provider has and does not report on is asked after at these ages (reliability.md §3.3, SMS). */
const ASK_AT_MS = [15 * MINUTE_MS, 2 * HOUR_MS, 24 * HOUR_MS] as const;
/** Many carriers send no receipt: after this time without a word nothing more is expected (reliability.md §3.5). */
const UNCONFIRMED_AFTER_MS = 72 * HOUR_MS;
/** An unknown outcome that cannot be told is decided without the provider at this age, by its delivery guarantee. */
const DEADLINE_MS = 24 * HOUR_MS;
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 15 * MINUTE_MS;

/** What decides when a message is looked after. */
export interface Standing {
  rank: number | null;
  reason: string | null;
  providerId: string | null;
  /** When the attempt first had an outcome; null while it has none. */
  outcomeAt: Date | null;
  updatedAt: Date;
}

/** What is to be done about a message now. */
export type Need =
  | 'search' // for it in the provider's list: its outcome is unknown
  | 'look-up' // by its id: the provider said nothing for long
  | 'close' // nothing more is expected
  | 'nothing';

/** When it is, when the batch was last looked after, and how long an unknown outcome waits for word of the provider. */
export interface Look {
  now: Date;
  checkedAt: Date | null;
  unknownMs: number;
}

/** What a message needs at this look. Each age is asked at once: at the first look that comes after it. */
export function needOf(message: Standing, { now, checkedAt, unknownMs }: Look): Need {
  if (message.rank === UNKNOWN_RANK) return since(message.outcomeAt, now) >= unknownMs ? 'search' : 'nothing';
  if (!isUnderWay(message)) return 'nothing';
  if (message.reason === null && since(message.updatedAt, now) >= UNCONFIRMED_AFTER_MS) return 'close';
  const age = since(message.outcomeAt, now);
  const ageAtLastLook = checkedAt === null ? -Infinity : since(message.outcomeAt, checkedAt);
  const isDue = ASK_AT_MS.some((askAt) => askAt <= age && askAt > ageAtLastLook);
  return isDue && message.providerId !== null ? 'look-up' : 'nothing';
}

/** In how many milliseconds somebody must look after the message again, given that its needs of now were met; Infinity for never. */
export function nextLookMs(message: Standing, { now, unknownMs }: Omit<Look, 'checkedAt'>): number {
  // What is being sent gets its outcome from somebody else, and is looked after from then on.
  if (message.rank === null) return ASK_AT_MS[0];
  if (message.rank === UNKNOWN_RANK) return Math.max(0, unknownMs - since(message.outcomeAt, now));
  if (!isUnderWay(message)) return Infinity;
  const age = since(message.outcomeAt, now);
  const ask = message.providerId === null ? undefined : ASK_AT_MS.find((askAt) => askAt > age);
  const close = message.reason === null ? UNCONFIRMED_AFTER_MS - since(message.updatedAt, now) : Infinity;
  return Math.max(0, Math.min(ask === undefined ? Infinity : ask - age, close));
}

/** Whether an unknown outcome has waited as long as one may. */
export function isOverdue({ outcomeAt }: Standing, now: Date): boolean {
  return since(outcomeAt, now) >= DEADLINE_MS;
}

/**
 * In how many milliseconds to ask again when the provider could not say: half of the message's age, so that the waits
 * grow by half each time and nobody needs to count them; at least what the provider asks, and not past the deadline.
 */
export function askAgainMs(message: Standing, { now, retryAfterMs }: { now: Date; retryAfterMs: number }): number {
  const age = since(message.outcomeAt, now);
  const grown = Math.min(Math.max(age / 2, BACKOFF_MS_MIN, retryAfterMs), BACKOFF_MS_MAX);
  return message.rank === UNKNOWN_RANK ? Math.max(0, Math.min(grown, DEADLINE_MS - age)) : grown;
}

function since(time: Date | null, now: Date): number {
  return time === null ? 0 : now.getTime() - time.getTime();
}
