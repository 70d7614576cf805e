import type { Asking } from '../../src/lanes/fair-queue';

/** Small, so that few messages show what the real sizes do. */
export const CLAIM_MESSAGES_MAX = 20;
export const QUANTUM = CLAIM_MESSAGES_MAX;
export const CLAIMS_MAX = 3;

/** Watches over who is given turns while others wait. */
export interface TurnWatch {
  /** What went against the promise. */
  readonly late: string[];
  asked(replica: string, lane: Asking): void;
  given(replica: string, lane: Asking): void;
  ended(replica: string, lane: Asking, cost: number): void;
  /** A replica died, and with it all who waited. */
  forget(replica: string): void;
}

/** While an organisation waits, another gets two visits at most, and what was under way or exceeded its credit. */
const SHARE_MAX = 2 * QUANTUM + 2 * CLAIMS_MAX * (CLAIM_MESSAGES_MAX + 1);

/** Counts for each lane that waits what every other organisation spends meanwhile. */
export function turnWatch(): TurnWatch {
  const waiting = new Map<string, { replica: string; org: string; spent: Map<string, number> }>();
  const late: string[] = [];
  const keyOf = (replica: string, { key }: Asking) => `${replica} ${key}`;
  return {
    late,
    asked: (replica, lane) => {
      // Lanes of one organisation share its turns: only the first that waits measures how it fares against others.
      const isMeasured = [...waiting.values()].some((each) => each.replica === replica && each.org === lane.org);
      if (!isMeasured) waiting.set(keyOf(replica, lane), { replica, org: lane.org, spent: new Map() });
    },
    given: (replica, lane) => {
      for (const [key, each] of waiting) if (each.replica === replica && each.org === lane.org) waiting.delete(key);
    },
    ended: (replica, lane, cost) => {
      for (const [key, each] of waiting) {
        if (each.replica !== replica || each.org === lane.org) continue;
        const spent = (each.spent.get(lane.org) ?? 0) + cost;
        each.spent.set(lane.org, spent);
        if (spent > SHARE_MAX) late.push(`${key} waited while ${lane.org} spent ${spent}`);
      }
    },
    forget: (replica) => {
      for (const [key, each] of waiting) if (each.replica === replica) waiting.delete(key);
    },
  };
}
