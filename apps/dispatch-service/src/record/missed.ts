import type { SendOutcome } from '@herald/channels';

/** A message whose turn was missed is ready again soon; the pace of its sender decides when it goes. */
const RETRY_MS = 1_000;

/** The outcome of a message whose time to leave was over. */
export const MISSED: SendOutcome = { kind: 'not_sent', retryAfterMs: RETRY_MS, reason: 'SEND_WINDOW_MISSED' };
