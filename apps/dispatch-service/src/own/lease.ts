import { execute, sql, type Tx } from '@herald/postgres';

/** How long a lease lasts without renewal, by the database's clock. */
export const LEASE_SECONDS = 6;
/**
 * A lease that ran out so long ago is taken by whoever sees it, wanted or not. The broker tells of a replica that was killed
 * only when its session of 30 s is over, and of none while it is away itself. Whoever wants the lease looks twice a
 * second, and so comes first.
 */
const ORPHAN_SECONDS = 5;

/** The right to claim from a shard, while it lasts. */
export interface Lease {
  shard: number;
  /** Grows with each change of owner; a claim under an older one finds nothing. */
  epoch: string;
}

/** Which leases to take, and who takes them. */
export interface TakeRequest {
  instance: string;
  /** The shards that are wanted. */
  missing: readonly number[];
  /** The shards whose leases this instance has, as it believes. */
  held: readonly number[];
  /** Takes also leases that run. */
  takeOver: boolean;
}

/**
 * Writes down every shard that was never held as one that has just become free, so that it is taken unasked too, some
 * seconds later: while a group of replicas that has only just come up cannot settle, nobody is told to want it.
 */
export async function nameShards(tx: Tx, shards: number): Promise<void> {
  await execute(
    tx,
    `insert into lease (shard, owner, epoch, until)
     select shard, 'nobody', 0, clock_timestamp() from generate_series(0, $1 - 1) as shard
     on conflict (shard) do nothing`,
    [shards],
  );
}

/** Takes what of the wanted is free, and what nobody held for some seconds; returns the leases that were taken. */
export function takeLeases(tx: Tx, { instance, missing, held, takeOver }: TakeRequest): Promise<Lease[]> {
  return sql(tx, TAKE, [missing, instance, LEASE_SECONDS, takeOver, held, ORPHAN_SECONDS]);
}

/** Renews leases that are still this instance's own; returns the shards of those. */
export async function renewLeases(tx: Tx, instance: string, leases: readonly Lease[]): Promise<Set<number>> {
  const rows = await sql<{ shard: number }>(tx, RENEW, [...columnsOf(leases), instance, LEASE_SECONDS]);
  return new Set(rows.map(({ shard }) => shard));
}

/** Gives leases back, as far as they are this instance's own: they are free at once. */
export async function releaseLeases(tx: Tx, instance: string, leases: readonly Lease[]): Promise<void> {
  await execute(tx, RELEASE, [...columnsOf(leases), instance]);
}

function columnsOf(leases: readonly Lease[]): [number[], string[]] {
  return [leases.map(({ shard }) => shard), leases.map(({ epoch }) => epoch)];
}

/**
 * The insert takes what nobody ever held; the update what ran out or was given back, or with `takeOver` whatever there
 * is. Running leases are left out first, because `on conflict` locks a row even where it then changes nothing, and an
 * instance that only asks would wait for the claims of the owner and make them wait.
 */
const TAKE = `with wanted as (
     select unnest($1::smallint[]) as shard
      union
     select shard from lease
      where until < clock_timestamp() - make_interval(secs => $6) and shard <> all ($5::smallint[]))
   insert into lease (shard, owner, epoch, until)
   select wanted.shard, $2, 1, clock_timestamp() + make_interval(secs => $3)
     from wanted
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
