import { HeraldError } from '@herald/errors';

/** Taken off the caller's deadline, so that our own answer arrives before the caller stops waiting for it. */
export const DEADLINE_SHAVED_MS = 20;
/** With less time than this a call is refused before it starts: it would fail half done. */
export const DEADLINE_MS_MIN = 100;
/** A caller's deadline further off counts as this one: nothing a unary call does takes longer. */
export const DEADLINE_MS_MAX = 10 * 60_000;

/** The milliseconds a caller still waits; Infinity where it set no deadline. */
export function timeLeft(call: { getDeadline(): Date | number }): number {
  const deadline = call.getDeadline();
  return (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
}

/** The error of a call that has too little time left. */
export function tooShort(): HeraldError {
  return new HeraldError('DEADLINE_TOO_SHORT', `Less than ${DEADLINE_MS_MIN} ms were left. Allow the call more time.`, {
    metadata: { deadlineMsMin: String(DEADLINE_MS_MIN) },
  });
}

/** The error of a call that nobody waits for any more. */
export function givenUp(): HeraldError {
  return new HeraldError('CANCELLED', 'The caller gave the call up.');
}

/** The error of a call whose time is over. */
export function exceeded(): HeraldError {
  return new HeraldError('DEADLINE_EXCEEDED', 'The answer was not ready in time. Repeat with a later deadline.');
}
