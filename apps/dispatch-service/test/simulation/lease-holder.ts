import { MortalProcess } from './mortal-process';
import type { World } from './world';

/** A lease is not used in its last half second. */
const LEASE_GOOD_MS = 5_500;

/** The right to claim from a shard, as a replica believes to have it. */
export interface Lease {
  epoch: string;
  goodUntilMs: number;
  /** Claims and messages under it that have not ended. */
  uses: number;
}

/** Takes, renews and hands over leases as leases.ts does: twice a second, every two seconds, and when nothing uses them. */
export abstract class LeaseHolder extends MortalProcess {
  protected leases = new Map<number, Lease>();
  /** All that it ever took in this life: what is open of it may become unknown when it dies. */
  protected taken = new Set<string>();

  constructor(
    protected readonly world: World,
    readonly name: string,
  ) {
    super(world);
  }

  protected abstract onTaken(): void;

  protected override forget(): void {
    this.leases = new Map();
    this.taken = new Set();
  }

  protected override begin(): void {
    this.every(500, () => this.#look());
    this.every(2_000, () => this.#renew());
  }

  #look(): void {
    for (const shard of this.world.shardsOf(this.name)) {
      if (this.leases.has(shard)) continue;
      const askedAtMs = this.world.clock.nowMs;
      this.ask(
        () => this.world.rows.takeLease(shard, this.name),
        (epoch) => {
          if (epoch === undefined) return;
          this.leases.set(shard, { epoch, goodUntilMs: askedAtMs + LEASE_GOOD_MS, uses: 0 });
          this.taken.add(`${shard}/${epoch}`);
          this.onTaken();
        },
      );
    }
  }

  #renew(): void {
    for (const [shard, lease] of this.leases) {
      const askedAtMs = this.world.clock.nowMs;
      const isWanted = this.world.shardsOf(this.name).includes(shard);
      if (!isWanted && lease.uses === 0) {
        this.leases.delete(shard);
        this.ask(() => this.world.rows.releaseLease(shard, lease.epoch));
        continue;
      }
      this.ask(
        () => this.world.rows.renewLease(shard, lease.epoch),
        (isKept) => {
          if (isKept) lease.goodUntilMs = askedAtMs + LEASE_GOOD_MS;
          else if (this.leases.get(shard) === lease) this.leases.delete(shard);
        },
      );
    }
  }

  /** The lease of a shard that may be claimed under. */
  protected leaseOf(shard: number): Lease | undefined {
    const lease = this.leases.get(shard);
    const isUsable =
      lease && this.world.clock.nowMs < lease.goodUntilMs && this.world.shardsOf(this.name).includes(shard);
    return isUsable ? lease : undefined;
  }
}
