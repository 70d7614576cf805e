/** A batch that waits in memory; the rest of what is known of it stands in Postgres. */
export interface WaitingBatch {
  org: string;
  id: string;
  channelId: string;
  priority: number;
  shard: number;
  /** When it may be claimed, by this process's monotonic clock. */
  readyAtMs: number;
  /** The trace of the record that announced it. */
  traceparent: string | undefined;
}

/** The batches of one sender and priority of one organisation, in the order in which they become ready. */
export interface Lane {
  /** Names it among all lanes. */
  readonly key: string;
  readonly shard: number;
  readonly org: string;
  readonly channelId: string;
  readonly priority: number;
  /** The batch to claim from next, ready or not. */
  first(): WaitingBatch | undefined;
  /** The batches that are ready by now, in their order, so many at most. */
  ready(nowMs: number, max: number): WaitingBatch[];
  /** Lets a batch wait until another time. */
  delay(batchId: string, readyAtMs: number): void;
  remove(batchId: string): void;
  clear(): void;
  /** Says that more of the lane waits in Postgres than stands here: from now on it is filled from there alone, in order. */
  cut(): void;
  /** Whether it is cut and has few batches left. */
  isShort(): boolean;
  /** Puts in the lane's earliest batches, as Postgres has them; `isAll` says that there are no more. */
  fill(batches: readonly WaitingBatch[], isAll: boolean): void;
  /** Called once, when the next batch is put in; a later call replaces an earlier one. */
  onPut(act: () => void): void;
}

/** A lane holds at most so many batch ids; the rest waits in Postgres. */
export const LANE_BATCHES_MAX = 200;
/** With fewer left a lane is filled again: what is left is sent meanwhile. */
const LANE_BATCHES_LOW = 50;
/** So many lanes at most; the sweeper brings the rest when others are empty. */
const LANES_MAX = 10_000;

/** The bounded memory of what can be sent. */
export interface Lanes {
  /** Puts a batch in its lane; undefined when it stands there already or waits in Postgres. `isNew` lanes want a runner. */
  add(batch: WaitingBatch): { lane: Lane; isNew: boolean } | undefined;
  /** Forgets a lane that is empty. */
  drop(lane: Lane): void;
}

/**
 * Keeps batches apart by organisation, sender and priority, so that none waits behind another's, and by shard: what a
 * sender that moved has on its new shard is claimed under that lease.
 */
export function makeLanes(): Lanes {
  const lanes = new Map<string, Lane & { put(batch: WaitingBatch): boolean }>();
  return {
    add: (batch) => {
      const key = `${batch.shard}/${batch.org}/${batch.channelId}/${batch.priority}`;
      const known = lanes.get(key);
      if (known) return known.put(batch) ? { lane: known, isNew: false } : undefined;
      if (lanes.size >= LANES_MAX) return undefined;
      const lane = makeLane(key, batch);
      lanes.set(key, lane);
      return { lane, isNew: true };
    },
    drop: ({ key }) => void lanes.delete(key),
  };
}

function makeLane(key: string, first: WaitingBatch): Lane & { put(batch: WaitingBatch): boolean } {
  const batches = new Map([[first.id, first]]);
  let onPut = () => {};
  let isCut = false;
  return {
    key,
    ...{ shard: first.shard, org: first.org, channelId: first.channelId, priority: first.priority },
    first: () => {
      let earliest: WaitingBatch | undefined;
      for (const batch of batches.values()) {
        if (!earliest || batch.readyAtMs < earliest.readyAtMs) earliest = batch;
      }
      return earliest;
    },
    ready: (nowMs, max) => {
      const ready = [...batches.values()].filter(({ readyAtMs }) => readyAtMs <= nowMs);
      return ready.sort((a, b) => a.readyAtMs - b.readyAtMs).slice(0, max);
    },
    delay: (batchId, readyAtMs) => {
      const batch = batches.get(batchId);
      if (batch) batches.set(batchId, { ...batch, readyAtMs });
    },
    put: (batch) => {
      if (batches.size >= LANE_BATCHES_MAX) isCut = true;
      if (isCut || batches.has(batch.id)) return false;
      batches.set(batch.id, batch);
      onPut();
      return true;
    },
    remove: (batchId) => void batches.delete(batchId),
    clear: () => {
      batches.clear();
      isCut = false;
    },
    cut: () => {
      isCut = true;
    },
    isShort: () => isCut && batches.size < LANE_BATCHES_LOW,
    fill: (earliest, isAll) => {
      for (const batch of earliest) if (!batches.has(batch.id)) batches.set(batch.id, batch);
      isCut = !isAll;
    },
    onPut: (act) => {
      onPut = () => {
        onPut = () => {};
        act();
      };
    },
  };
}
