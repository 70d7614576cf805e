import type { ClaimedSlice } from './claim';

/** What names a slice: its first position in its batch. */
export type SliceKey = Pick<ClaimedSlice, 'org' | 'batchId' | 'lo'>;

/** The slices that this instance began and whose rows still stand. */
export interface OpenSlices {
  /** Names a slice whose outcomes are to come. */
  begin(slice: ClaimedSlice): void;
  /** Whether outcomes of the slice are still to come or to be written: then nobody else may judge it. */
  holds(slice: SliceKey): boolean;
  /** Whether this instance began the slice at all: what it never began it never sent. */
  began(slice: SliceKey): boolean;
  /** No more outcomes of the slice will come: what it lacks by now is for recovery to judge. */
  abandon(slice: SliceKey): void;
  /** Recovery has judged the slice. */
  forget(slice: SliceKey): void;
  /** The slices that lack nothing once an outcome for each of these is written. */
  completedBy(outcomes: readonly { slice: SliceKey }[]): ClaimedSlice[];
  /** Outcomes for these are written. */
  written(outcomes: readonly { slice: SliceKey }[]): void;
}

/** What an abandoned slice lacks: it is never complete. */
const ABANDONED = Infinity;

/** Counts how many outcomes each slice still lacks. */
export function makeOpenSlices(): OpenSlices {
  const open = new Map<string, { slice: ClaimedSlice; lacking: number }>();
  const lackingAfter = (outcomes: readonly { slice: SliceKey }[]) => {
    // By the slice as it is, and only then by its key: outcomes are many, and slices few.
    const lacking = new Map<string, number>();
    for (const [slice, { length }] of Map.groupBy(outcomes, (outcome) => outcome.slice)) {
      const key = keyOf(slice);
      lacking.set(key, (lacking.get(key) ?? open.get(key)?.lacking ?? ABANDONED) - length);
    }
    return [...lacking];
  };
  return {
    begin: (slice) => void open.set(keyOf(slice), { slice, lacking: slice.messages.length }),
    holds: (slice) => (open.get(keyOf(slice))?.lacking ?? ABANDONED) !== ABANDONED,
    began: (slice) => open.has(keyOf(slice)),
    abandon: (slice) => {
      const entry = open.get(keyOf(slice));
      if (entry) entry.lacking = ABANDONED;
    },
    forget: (slice) => void open.delete(keyOf(slice)),
    completedBy: (outcomes) =>
      lackingAfter(outcomes).flatMap(([key, lacking]) => (lacking === 0 ? (open.get(key)?.slice ?? []) : [])),
    written: (outcomes) => {
      for (const [key, lacking] of lackingAfter(outcomes)) {
        const entry = open.get(key);
        if (lacking === 0) open.delete(key);
        else if (entry) entry.lacking = lacking;
      }
    },
  };
}

function keyOf({ org, batchId, lo }: SliceKey): string {
  return `${org}/${batchId}/${lo}`;
}
