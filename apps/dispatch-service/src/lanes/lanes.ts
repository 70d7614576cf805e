/** A batch that waits in memory; the rest of what is known of it stands in Postgres. */
export interface WaitingBatch {
  org: string;
  id: string;
  channelId: string;
  /** Above 0 it is an agent's reply. */
  priority: number;
  shard: number;
  /** When it may be claimed, by this process's monotonic clock. */
  readyAtMs: number;
  /** The trace of the record that announced it. */
  traceparent: string | undefined;
}

/** The batches of one sender of one organisation, in the order in which they become ready. */
export interface Lane {
  /** Names it among all lanes. */
  readonly key: string;
  readonly shard: number;
  readonly org: string;
  readonly channelId: string;
  /** The batch that is ready first, by now or not. */
  first(): WaitingBatch | undefined;
  /** The batches that are ready by now, in their order, so many of each at most. */
  ready(nowMs: number, max: number): ReadyBatches;
  /** Lets a batch wait until another time. */
  delay(batchId: string, readyAtMs: number): void;
  remove(batchId: string): void;
  clear(): void;
  /**
   * Says that more of a priority waits in Postgres than stands here: from now on it is filled from there alone, in order.
   */
  cut(priority: number): void;
  /** The priorities that are cut and have few batches left. */
  short(): number[];
  /** Puts in the earliest batches of a priority, as Postgres has them; `isAll` says that there are no more. */
  fill(priority: number, batches: readonly WaitingBatch[], isAll: boolean): void;
  /** Called once, when the next batch is put in; a later call replaces an earlier one. */
  onPut(act: () => void): void;
}

/** What may be claimed. */
export interface ReadyBatches {
  replies: WaitingBatch[];
  others: WaitingBatch[];
}

/** A lane holds at most so many batch ids of a priority; the rest waits in Postgres. */
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
 * Keeps batches apart by organisation and sender, so that none waits behind another's, and by shard: what a sender that
 * moved has on its new shard is claimed under that lease.
 */
export function makeLanes(): Lanes {
  const lanes = new Map<string, BatchLane>();
  return {
    add: (batch) => {
      const key = `${batch.shard}/${batch.org}/${batch.channelId}`;
      const known = lanes.get(key);
      if (known) return known.put(batch) ? { lane: known, isNew: false } : undefined;
      if (lanes.size >= LANES_MAX) return undefined;
      const lane = new BatchLane(key, batch);
      lanes.set(key, lane);
      lane.put(batch);
      return { lane, isNew: true };
    },
    drop: ({ key }) => void lanes.delete(key),
  };
}

/** The batches of one priority; it is cut while more of them wait in Postgres. */
interface Shelf {
  batches: Map<string, WaitingBatch>;
  isCut: boolean;
}

class BatchLane implements Lane {
  readonly key: string;
  readonly shard: number;
  readonly org: string;
  readonly channelId: string;
  readonly #shelves = new Map<number, Shelf>();
  #whenPut = () => {};

  constructor(key: string, { shard, org, channelId }: WaitingBatch) {
    this.key = key;
    this.shard = shard;
    this.org = org;
    this.channelId = channelId;
  }

  first(): WaitingBatch | undefined {
    let earliest: WaitingBatch | undefined;
    for (const batch of this.#batches()) {
      if (!earliest || batch.readyAtMs < earliest.readyAtMs) earliest = batch;
    }
    return earliest;
  }

  ready(nowMs: number, max: number): ReadyBatches {
    const ready = [...this.#batches()].filter(({ readyAtMs }) => readyAtMs <= nowMs);
    ready.sort((a, b) => a.readyAtMs - b.readyAtMs);
    return {
      replies: ready.filter(({ priority }) => priority > 0).slice(0, max),
      others: ready.filter(({ priority }) => priority <= 0).slice(0, max),
    };
  }

  delay(batchId: string, readyAtMs: number): void {
    for (const { batches } of this.#shelves.values()) {
      const batch = batches.get(batchId);
      if (batch) batches.set(batchId, { ...batch, readyAtMs });
    }
  }

  put(batch: WaitingBatch): boolean {
    const shelf = this.#shelf(batch.priority);
    if (shelf.batches.size >= LANE_BATCHES_MAX) shelf.isCut = true;
    if (shelf.isCut || shelf.batches.has(batch.id)) return false;
    shelf.batches.set(batch.id, batch);
    const act = this.#whenPut;
    this.#whenPut = () => {};
    act();
    return true;
  }

  remove(batchId: string): void {
    for (const { batches } of this.#shelves.values()) batches.delete(batchId);
  }

  clear(): void {
    this.#shelves.clear();
  }

  cut(priority: number): void {
    this.#shelf(priority).isCut = true;
  }

  short(): number[] {
    const isShort = ({ isCut, batches }: Shelf) => isCut && batches.size < LANE_BATCHES_LOW;
    return [...this.#shelves].flatMap(([priority, shelf]) => (isShort(shelf) ? [priority] : []));
  }

  fill(priority: number, earliest: readonly WaitingBatch[], isAll: boolean): void {
    const shelf = this.#shelf(priority);
    for (const batch of earliest) if (!shelf.batches.has(batch.id)) shelf.batches.set(batch.id, batch);
    shelf.isCut = !isAll;
  }

  onPut(act: () => void): void {
    this.#whenPut = act;
  }

  #shelf(priority: number): Shelf {
    const known = this.#shelves.get(priority);
    if (known) return known;
    const shelf = { batches: new Map<string, WaitingBatch>(), isCut: false };
    this.#shelves.set(priority, shelf);
    return shelf;
  }

  *#batches(): Generator<WaitingBatch> {
    for (const { batches } of this.#shelves.values()) yield* batches.values();
  }
}
