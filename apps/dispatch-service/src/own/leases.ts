import { failpoint } from '@herald/failpoints';
import type { Database } from '@herald/postgres';
import { LEASE_SECONDS, releaseLeases, renewLeases, takeLeases, type Lease } from './lease';

/** How often a lease that is wanted and not held is asked for: what a hand-over costs at most. */
const LOOK_EVERY_MS = 500;
/** A lease is renewed at every fourth look, so every 2 s. */
const LOOKS_PER_RENEWAL = 4;
/** A lease is not used in its last moments: what is sent then might be sent by two. */
const LEASE_MARGIN_MS = 500;

/** The leases of one instance. */
export interface Leases {
  /** Which shards to hold from now on. Others are handed over once what was claimed under them is sent. */
  want(shards: readonly number[]): void;
  /** The lease of a shard, if this instance holds one that is surely still good and not about to be handed over. */
  of(shard: number): Lease | undefined;
  /** The shards of those leases. */
  shards(): number[];
  /** Keeps a lease from being handed over until the function that it returns is called, once. */
  use(lease: Lease): () => void;
  /** Whether a message claimed under a lease may still go to a socket. */
  isGood(lease: Lease): boolean;
  /** Names whom to call when leases were taken; a later call replaces an earlier one. */
  onTaken(act: () => void): void;
  /** Gives the leases back, so that another instance need not wait for their end. */
  stop(): Promise<void>;
}

/** How leases are taken and kept. */
export interface LeaseSettings {
  database: Database;
  /** Names this instance in the lease's row. */
  instance: string;
  /** Takes at first also leases that run: their former holder is known to be dead. */
  takeOver: boolean;
  monotonicMs(): number;
  onError(error: unknown): void;
}

/**
 * Holds the leases of the shards that are wanted, none at first. One that is held is renewed every two seconds; the local
 * deadline counts from before the renewal was sent, so that it never ends later than the database's. One that could not
 * be renewed in time is taken anew, under a new epoch, once it is free. One that is no longer wanted is leaving: nothing
 * new is claimed under it, it is renewed until the last slice under it was sent, and then given back, so that a hand-over
 * leaves nothing unknown.
 */
export function holdLeases(settings: LeaseSettings): Leases {
  return new HeldLeases(settings);
}

interface Held {
  epoch: string;
  goodUntilMs: number;
  isLeaving: boolean;
  uses: number;
}

class HeldLeases implements Leases {
  readonly #settings: LeaseSettings;
  readonly #held = new Map<number, Held>();
  readonly #timer: NodeJS.Timeout;
  #wanted: readonly number[] = [];
  #mayTakeOver: boolean;
  #whenTaken = () => {};
  #looks = 0;
  #renewedAtLook = 0;
  /** Leases that are on their way back. */
  #released: Promise<void> = Promise.resolve();
  /** One look at a time: while the database does not answer none stands in line behind it. */
  #looking: Promise<void> | undefined;

  constructor(settings: LeaseSettings) {
    this.#settings = settings;
    this.#mayTakeOver = settings.takeOver;
    this.#timer = setInterval(() => {
      this.#looks += 1;
      this.#begin();
    }, LOOK_EVERY_MS);
  }

  want(shards: readonly number[]): void {
    this.#wanted = [...shards];
    for (const [shard, lease] of this.#held) lease.isLeaving = !this.#wanted.includes(shard);
    this.#releaseUnused();
    this.#begin();
  }

  of(shard: number): Lease | undefined {
    const lease = this.#held.get(shard);
    return lease && this.#isUsable(lease) ? { shard, epoch: lease.epoch } : undefined;
  }

  shards(): number[] {
    return [...this.#held].filter(([, lease]) => this.#isUsable(lease)).map(([shard]) => shard);
  }

  use({ shard, epoch }: Lease): () => void {
    const lease = this.#held.get(shard);
    if (lease?.epoch !== epoch) return () => {};
    lease.uses += 1;
    return () => {
      lease.uses -= 1;
      this.#releaseUnused();
    };
  }

  isGood({ shard, epoch }: Lease): boolean {
    const lease = this.#held.get(shard);
    return lease?.epoch === epoch && this.#isInTime(lease);
  }

  onTaken(act: () => void): void {
    this.#whenTaken = act;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#wanted = [];
    await this.#looking;
    await this.#released;
    await this.#release(this.#leases());
  }

  #begin(): void {
    this.#looking ??= this.#look()
      .catch(this.#settings.onError)
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    if (this.#looks - this.#renewedAtLook >= LOOKS_PER_RENEWAL) {
      this.#renewedAtLook = this.#looks;
      await this.#renew();
      await this.#take();
    } else if (this.#wanted.some((shard) => !this.#held.has(shard))) {
      await this.#take();
    }
  }

  async #take(): Promise<void> {
    const { database, instance, monotonicMs } = this.#settings;
    const held = [...this.#held.keys()];
    const missing = this.#wanted.filter((shard) => !this.#held.has(shard));
    const takeOver = this.#mayTakeOver;
    const askedAtMs = monotonicMs();
    const leases = await database.worker((tx) => takeLeases(tx, { instance, missing, held, takeOver }));
    if (missing.length > 0) this.#mayTakeOver = false;
    for (const { shard, epoch } of leases) {
      this.#held.set(shard, { epoch, goodUntilMs: goodFrom(askedAtMs), isLeaving: false, uses: 0 });
    }
    if (leases.length > 0) this.#whenTaken();
  }

  async #renew(): Promise<void> {
    const { database, instance, monotonicMs } = this.#settings;
    const asked = [...this.#held];
    if (asked.length === 0) return;
    const leases = this.#leases();
    const askedAtMs = monotonicMs();
    await failpoint('lease.renew.skip');
    const kept = await database.worker((tx) => renewLeases(tx, instance, leases));
    for (const [shard, lease] of asked) {
      if (kept.has(shard)) lease.goodUntilMs = goodFrom(askedAtMs);
      else if (this.#held.get(shard) === lease) this.#held.delete(shard);
    }
  }

  #releaseUnused(): void {
    const unused = this.#leases(({ isLeaving, uses }) => isLeaving && uses === 0);
    if (unused.length === 0) return;
    const before = this.#released;
    this.#released = this.#release(unused)
      .catch(this.#settings.onError)
      .then(() => before);
  }

  async #release(leases: readonly Lease[]): Promise<void> {
    for (const { shard } of leases) this.#held.delete(shard);
    const { database, instance } = this.#settings;
    await database.worker((tx) => releaseLeases(tx, instance, leases));
  }

  #leases(isMeant: (lease: Held) => boolean = () => true): Lease[] {
    return [...this.#held].filter(([, lease]) => isMeant(lease)).map(([shard, { epoch }]) => ({ shard, epoch }));
  }

  #isUsable(lease: Held): boolean {
    return !lease.isLeaving && this.#isInTime(lease);
  }

  #isInTime({ goodUntilMs }: Held): boolean {
    return this.#settings.monotonicMs() < goodUntilMs;
  }
}

function goodFrom(askedAtMs: number): number {
  return askedAtMs + LEASE_SECONDS * 1000 - LEASE_MARGIN_MS;
}
