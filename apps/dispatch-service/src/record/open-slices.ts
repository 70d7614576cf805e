import type { ClaimedSlice } from '../claim/claim';
import type { Lease } from '../own/lease';

/** More slices than all claims under way at once can take: of those in doubt the oldest are forgotten first. */
const DOUBTED_MAX = 1_000;

/** What names a slice: its first position in its batch. */
export type SliceKey = Pick<ClaimedSlice, 'org' | 'batchId' | 'lo'>;

/** A slice that was claimed under a lease. */
export type LeasedSlice = SliceKey & Lease;

/** The slices that this instance claimed and whose rows still stand. */
export interface OpenSlices {
  /** Names a slice whose outcomes are to come. */
  begin(slice: ClaimedSlice): void;
  /** Whether outcomes of the slice are still to come or to be written: then nobody else may judge it. */
  holds(slice: SliceKey): boolean;
  /** No more outcomes of the slice will come: what it lacks by now is for recovery to judge. */
  abandon(slice: SliceKey): void;
  /** The commit of a claim was not answered: whether its slices stand only their rows tell, and they are never begun. */
  doubt(lease: Lease, slices: readonly SliceKey[]): void;
  /** What is in doubt. If it stands, nothing of it was sent, whoever owns its shard by now. */
  doubted(): LeasedSlice[];
  /** Whether the slice is in doubt: then it is for this instance alone to give back. */
  isDoubted(slice: LeasedSlice): boolean;
  /** The slice is in doubt no more. */
  forget(slice: SliceKey): void;
  /** The slices that lack nothing once an outcome for each of these is written. */
  completedBy(outcomes: readonly { slice: SliceKey }[]): ClaimedSlice[];
  /** Outcomes for these are written. */
  written(outcomes: readonly { slice: SliceKey }[]): void;
}

/** Counts how many outcomes each slice still lacks, and remembers which nobody will begin. */
export function makeOpenSlices(): OpenSlices {
  const open = new Map<string, { slice: ClaimedSlice; lacking: number }>();
  const doubted = new Map<string, LeasedSlice>();
  const lackingAfter = (outcomes: readonly { slice: SliceKey }[]) => {
    // By the slice as it is, and only then by its key: outcomes are many, and slices few.
    const lacking = new Map<string, number>();
    for (const [slice, { length }] of Map.groupBy(outcomes, (outcome) => outcome.slice)) {
      const key = keyOf(slice);
      const before = lacking.get(key) ?? open.get(key)?.lacking;
      if (before !== undefined) lacking.set(key, before - length);
    }
    return [...lacking];
  };
  return {
    begin: (slice) => {
      // Its positions were claimed now, so that they were not by the claim that is in doubt.
      doubted.delete(keyOf(slice));
      open.set(keyOf(slice), { slice, lacking: slice.messages.length });
    },
    holds: (slice) => open.has(keyOf(slice)),
    abandon: (slice) => void open.delete(keyOf(slice)),
    doubt: ({ shard, epoch }, slices) => {
      for (const { org, batchId, lo } of slices)
        doubted.set(keyOf({ org, batchId, lo }), { org, batchId, lo, shard, epoch });
      for (const oldest of [...doubted.keys()].slice(0, -DOUBTED_MAX)) doubted.delete(oldest);
    },
    doubted: () => [...doubted.values()],
    isDoubted: (slice) => {
      const entry = doubted.get(keyOf(slice));
      return entry?.shard === slice.shard && entry.epoch === slice.epoch;
    },
    forget: (slice) => void doubted.delete(keyOf(slice)),
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
