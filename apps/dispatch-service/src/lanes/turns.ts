import { fairQueue } from './fair-queue';
import type { Lane } from './lanes';

/** Claims under way at once: each takes a connection of the worker's pool. */
const CLAIMS_MAX = 3;
/** A claim takes so many messages at most, of all batches together. */
export const CLAIM_MESSAGES_MAX = 400;
/** What a claim costs besides its messages, counted in messages: five round trips, while a message takes a twelfth of a millisecond. */
const CLAIM_COST = 25;
/** The recorder has no room while the database is away or slow; whose turn comes next is decided when it has. */
const NO_ROOM_PAUSE_MS = 20;

/** Turns to claim. */
export interface Turns {
  /** Waits for a lane's turn to claim. It is given at once when the stop comes, for nothing. */
  take(lane: Lane): Promise<void>;
  /** Ends the turn, in which so many messages were claimed. */
  end(lane: Lane, messages: number): void;
}

/** Gives lanes their turns, a few at once and only while outcomes can be taken, fairly among organisations and senders. */
export function makeTurns(hasRoom: () => boolean, stopping: AbortSignal): Turns {
  const queue = fairQueue<Lane>({ quantum: CLAIM_MESSAGES_MAX });
  const waiting = new Map<Lane, () => void>();
  let claims = 0;
  let timer: NodeJS.Timeout | undefined;

  const giveTurns = () => {
    while (waiting.size > 0 && (stopping.aborted || claims < CLAIMS_MAX)) {
      if (!stopping.aborted && !hasRoom()) {
        timer ??= setTimeout(() => {
          timer = undefined;
          giveTurns();
        }, NO_ROOM_PAUSE_MS);
        return;
      }
      const lane = queue.next();
      if (!lane) return;
      const go = waiting.get(lane);
      waiting.delete(lane);
      claims += 1;
      go?.();
    }
  };
  stopping.addEventListener('abort', giveTurns, { once: true });

  return {
    take: (lane) =>
      new Promise((go) => {
        waiting.set(lane, go);
        queue.ask(lane);
        giveTurns();
      }),
    end: (lane, messages) => {
      claims -= 1;
      queue.settle(lane, messages === 0 ? 1 : CLAIM_COST + messages);
      giveTurns();
    },
  };
}
