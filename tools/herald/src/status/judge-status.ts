import type { GetDispatchStatusResponse, OpenBreaker } from '@herald/contracts/dispatch';

/** What may be sent by a sender that is free is claimed within this time: the sweeper alone finds it in 2 s (reliability.md §6). */
const IDLE_SECONDS_MAX = 10;
/** Events are published as they are written; this is the longest the oldest may wait (reliability.md §6). */
const EVENT_AGE_SECONDS_MAX = 5;
/** The provider is asked 5 minutes after an outcome was lost, and nearly all are settled within 10 (P5). */
const UNKNOWN_AGE_SECONDS_MAX = 600;

/** What was found out about a system. */
export interface Facts {
  /** Each address that was asked, and whether it serves. */
  doors: readonly { name: string; address: string; isServing: boolean }[];
  /** How sending goes in one organisation; or why nobody could tell. */
  dispatch: GetDispatchStatusResponse | { failure: string };
  /** How many dead letters there are; or why nobody could look. */
  deadLetters: number | { failure: string };
}

/** One line of a status. Where something is wrong it says what to do next. */
export interface Finding {
  item: string;
  value: string;
  next?: string;
}

/** Says of each fact whether it is well, and what to do where it is not. */
export function judgeStatus({ doors, dispatch, deadLetters }: Facts): Finding[] {
  return [
    ...doors.map(({ name, address, isServing }): Finding =>
      finding(
        name,
        `${address} ${isServing ? 'serves' : 'does not serve'}`,
        isServing || 'Look at its log, or start it.',
      ),
    ),
    ...('failure' in dispatch
      ? [{ item: 'sending', value: 'cannot be asked for', next: dispatch.failure }]
      : sendingOf(dispatch)),
    deadLettersOf(deadLetters),
  ];
}

/** True where it is well, else what to do. */
type Verdict = true | string;

function finding(item: string, value: string, verdict: Verdict = true): Finding {
  return verdict === true ? { item, value } : { item, value, next: verdict };
}

function sendingOf(status: GetDispatchStatusResponse): Finding[] {
  const { queued, held, sending, unknown, holds, longestIdle, oldestEventAge, oldestReadyAge, oldestUnknownAge } =
    status;
  const { openBreakers } = status;
  return [
    finding('queued', `${queued}, ${held} of them held`),
    finding('oldest ready', ageText(oldestReadyAge)),
    finding(
      'idle sender',
      ageText(longestIdle),
      isWithin(longestIdle, IDLE_SECONDS_MAX) ||
        'Something is ready and nobody sends it. See that its channel and account are enabled, and what the account may send in a day.',
    ),
    finding(
      'breakers',
      openBreakers.length === 0 ? '0' : `${openBreakers.length} open: ${openBreakers.map(breakerText).join(', ')}`,
      openBreakers.length === 0 ||
        'The provider fails these for now. Herald tries again by itself; see what the provider says of them.',
    ),
    finding('sending', String(sending)),
    finding(
      'unknown',
      unknown === 0 ? '0' : `${unknown}, the oldest for ${ageText(oldestUnknownAge)}`,
      isWithin(oldestUnknownAge, UNKNOWN_AGE_SECONDS_MAX) ||
        'Nobody has told what became of them. Look them up at the provider ("message list --state unknown") and resolve them.',
    ),
    finding('holds', holds === 0 ? '0' : `${holds}: "herald pause --list" has them`),
    finding(
      'oldest event',
      ageText(oldestEventAge),
      isWithin(oldestEventAge, EVENT_AGE_SECONDS_MAX) || 'Events are not published. See that the broker answers.',
    ),
  ];
}

function deadLettersOf(deadLetters: Facts['deadLetters']): Finding {
  // Whoever lacks the credentials of the bus may not look; nothing is wrong with the system for that.
  if (typeof deadLetters !== 'number') return finding('dead letters', `not looked for: ${deadLetters.failure}`);
  const next = 'A consumer gave records up. Read why ("dlq list", "dlq show"), repair it, and redrive them.';
  return finding('dead letters', String(deadLetters), deadLetters === 0 || next);
}

function breakerText({ channelAccountId, channelId, reason }: OpenBreaker): string {
  return `${channelId === '' ? `account ${channelAccountId}` : `channel ${channelId}`} (${reason})`;
}

interface Age {
  seconds: number;
  nanos: number;
}

function isWithin(age: Age | undefined, secondsMax: number): boolean {
  return age === undefined || age.seconds < secondsMax;
}

function ageText(age: Age | undefined): string {
  return age === undefined ? 'none' : `${(age.seconds + age.nanos / 1e9).toFixed(age.seconds < 10 ? 1 : 0)} s`;
}
