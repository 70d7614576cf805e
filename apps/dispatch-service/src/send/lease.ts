import { execute, sql, type Database, type Tx } from '@herald/postgres';

/** How long a lease lasts without renewal, by the database's clock. */
const LEASE_SECONDS = 6;
const RENEW_EVERY_MS = 2_000;
/** A lease is not used in its last moments: what is sent then might be sent by two. */
const LEASE_MARGIN_MS = 500;

/** The right to claim from a shard, while it lasts. */
export interface Lease {
  shard: number;
  /** Grows with each change of owner; a claim under an older one finds nothing. */
  epoch: string;
}

/** The leases of one instance. */
export interface Leases {
  /** The lease of a shard, if this instance holds one that is surely still good. */
  of(shard: number): Lease | undefined;
  /** The shards this instance owns now. */
  shards(): number[];
  /** Whether a message claimed under a lease may still go to a socket. */
  isGood(lease: Lease): boolean;
  /** Whether this very instance took the lease, good by now or not: what was claimed under it, it claimed. */
  wasTaken(lease: Lease): boolean;
  /** Gives the leases back, so that another instance need not wait for their end. */
  stop(): Promise<void>;
}

/** How leases are taken and kept. */
export interface LeaseSettings {
  database: Database;
  shards: number;
  /** Names this instance in the lease's row. */
  instance: string;
  /** Takes every lease at once, also a running one: its former holder is known to be dead. */
  takeOver: boolean;
  monotonicMs(): number;
  onError(error: unknown): void;
}

/**
 * Takes the leases of all shards and renews them every two seconds. The local deadline counts from before the renewal
 * was sent, so that it never ends later than the database's. A lease that could not be renewed in time is taken anew,
 * under a new epoch, once it is free.
 */
export async function holdLeases(settings: LeaseSettings): Promise<Leases> {
  const { database, instance, monotonicMs, onError } = settings;
  const held = new Map<number, { epoch: string; goodUntilMs: number }>();
  const taken = new Set<string>();
  const wanted = Array.from({ length: settings.shards }, (_, shard) => shard);

  const take = async (takeOver: boolean) => {
    const missing = wanted.filter((shard) => !held.has(shard));
    if (missing.length === 0) return;
    const askedAtMs = monotonicMs();
    const leases = await database.worker((tx) => sql<Lease>(tx, TAKE, [missing, instance, LEASE_SECONDS, takeOver]));
    for (const lease of leases) {
      held.set(lease.shard, { epoch: lease.epoch, goodUntilMs: goodFrom(askedAtMs) });
      remember(taken, nameOf(lease));
    }
  };
  const renew = async () => {
    const shards = [...held.keys()];
    if (shards.length === 0) return;
    const askedAtMs = monotonicMs();
    const epochs = shards.map((shard) => held.get(shard)?.epoch);
    const renewed = await database.worker((tx) =>
      sql<{ shard: number }>(tx, RENEW, [shards, epochs, instance, LEASE_SECONDS]),
    );
    const kept = new Set(renewed.map(({ shard }) => shard));
    for (const shard of shards) {
      const lease = held.get(shard);
      if (lease && kept.has(shard)) lease.goodUntilMs = goodFrom(askedAtMs);
      else held.delete(shard);
    }
  };

  await take(settings.takeOver);
  // One round at a time: while the database does not answer none stands in line behind it.
  let round: Promise<void> | undefined;
  const timer = setInterval(() => {
    round ??= renew()
      .then(() => take(false))
      .catch(onError)
      .finally(() => {
        round = undefined;
      });
  }, RENEW_EVERY_MS);

  const isGood = ({ shard, epoch }: Lease) => {
    const lease = held.get(shard);
    return lease?.epoch === epoch && monotonicMs() < lease.goodUntilMs;
  };
  return {
    isGood,
    wasTaken: (lease) => taken.has(nameOf(lease)),
    of: (shard) => {
      const lease = held.get(shard);
      return lease && monotonicMs() < lease.goodUntilMs ? { shard, epoch: lease.epoch } : undefined;
    },
    shards: () => [...held].filter(([, lease]) => monotonicMs() < lease.goodUntilMs).map(([shard]) => shard),
    stop: async () => {
      clearInterval(timer);
      await round;
      const shards = [...held.keys()];
      const epochs = shards.map((shard) => held.get(shard)?.epoch);
      held.clear();
      await database.worker((tx) => execute(tx, RELEASE, [shards, epochs, instance]));
    },
  };
}

function nameOf({ shard, epoch }: Lease): string {
  return `${shard}/${epoch}`;
}

/** Slices of a lease are ended half a minute after it: older ones need not be remembered. */
const TAKEN_MAX = 1_000;

function remember(taken: Set<string>, name: string): void {
  taken.add(name);
  const [oldest] = taken;
  if (taken.size > TAKEN_MAX && oldest !== undefined) taken.delete(oldest);
}

function goodFrom(askedAtMs: number): number {
  return askedAtMs + LEASE_SECONDS * 1000 - LEASE_MARGIN_MS;
}

/**
 * The insert takes what nobody ever held; the update what ran out or was given back, or with `takeOver` whatever there
 * is. Running leases are left out first, because `on conflict` locks a row even where it then changes nothing, and an
 * instance that only asks would wait for the claims of the owner and make them wait.
 */
const TAKE = `insert into lease (shard, owner, epoch, until)
   select wanted.shard, $2, 1, clock_timestamp() + make_interval(secs => $3)
     from unnest($1::smallint[]) as wanted (shard)
    where $4 or not exists (
            select 1 from lease running where running.shard = wanted.shard and running.until >= clock_timestamp())
    order by wanted.shard
   on conflict (shard) do update
      set owner = $2, epoch = lease.epoch + 1, until = clock_timestamp() + make_interval(secs => $3)
    where $4 or lease.until < clock_timestamp()
   returning shard, epoch`;

const RENEW = `update lease
      set until = clock_timestamp() + make_interval(secs => $4)
     from unnest($1::smallint[], $2::bigint[]) as mine (shard, epoch)
    where lease.shard = mine.shard and lease.epoch = mine.epoch and lease.owner = $3 and lease.until > clock_timestamp()
   returning lease.shard`;

const RELEASE = `update lease
      set until = clock_timestamp()
     from unnest($1::smallint[], $2::bigint[]) as mine (shard, epoch)
    where lease.shard = mine.shard and lease.epoch = mine.epoch and lease.owner = $3`;

const lockForShare = sql.prepared<{ shard: number }>(
  'lease_hold',
  'select shard from lease where shard = $1 and epoch = $2 and until > clock_timestamp() for share',
);

/**
 * Whether the lease holds, by the database's clock; then it is locked for share until the transaction ends, so that a
 * take-over waits, and finds what the transaction did.
 */
export async function holdLease(tx: Tx, { shard, epoch }: Lease): Promise<boolean> {
  return (await lockForShare(tx, [shard, epoch])).length === 1;
}
