import { execute, sql, type Database, type Tx } from '@herald/postgres';
import { setTimeout as pause } from 'node:timers/promises';
import type { BreakerChange } from './breakers';
import type { Leases } from '../own/leases';

/** A write that failed is tried again after this time, with what changed meanwhile. */
const RETRY_PAUSE_MS = 1_000;

/** Keeps the table `breaker` as the breakers of this instance are. */
export interface BreakerStore {
  /** Has a change written down; the last one of each breaker counts. */
  write(change: BreakerChange): void;
  /** Resolves when all is written, or gives up what the database does not take now. */
  stop(): Promise<void>;
}

/** What the store works with. */
export interface BreakerStoreDeps {
  database: Database;
  leases: Pick<Leases, 'of'>;
  onError(error: unknown): void;
}

/** Writes one transaction after the other, so that an opening that is late does not overwrite the end of it. */
export function breakerStore({ database, leases, onError }: BreakerStoreDeps): BreakerStore {
  const changed = new Map<string, BreakerChange>();
  let writing: Promise<void> | undefined;
  const stopping = new AbortController();

  const writeAll = async () => {
    while (changed.size > 0) {
      const changes = [...changed];
      try {
        await database.worker((tx) =>
          writeChanges(
            tx,
            changes.flatMap(([, change]) => withEpoch(change, leases)),
          ),
        );
        for (const [key, change] of changes) if (changed.get(key) === change) changed.delete(key);
      } catch (error) {
        onError(error);
        if (stopping.signal.aborted) return;
        await pause(RETRY_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  };
  return {
    write: (change) => {
      changed.set(`${change.org}/${change.channelAccountId}/${change.channelId ?? ''}`, change);
      writing ??= writeAll().finally(() => {
        writing = undefined;
      });
    },
    stop: async () => {
      stopping.abort();
      await writing;
    },
  };
}

type OwnedChange = BreakerChange & { epoch: string };

/** Of a shard that this instance has lost it has nothing to say. */
function withEpoch(change: BreakerChange, leases: Pick<Leases, 'of'>): OwnedChange[] {
  const lease = leases.of(change.shard);
  return lease ? [{ ...change, epoch: lease.epoch }] : [];
}

async function writeChanges(tx: Tx, changes: readonly OwnedChange[]): Promise<void> {
  for (const { org, channelAccountId, channelId, ...change } of changes) {
    const key = [org, channelAccountId, channelId];
    if (change.transition === 'closed') await remove(tx, key);
    else await upsert(tx, [...key, change.shard, change.epoch, change.reason ?? '', change.probeInMs / 1000]);
  }
}

const upsert = sql.prepared(
  'breaker_open',
  `insert into breaker (org_id, channel_account_id, channel_id, shard, epoch, opened_at, reason, probe_at)
   values ($1, $2, $3, $4, $5, clock_timestamp(), $6, clock_timestamp() + make_interval(secs => $7))
   on conflict (org_id, channel_account_id, channel_id) do update
      set opened_at = case when (breaker.shard, breaker.epoch) = (excluded.shard, excluded.epoch)
                           then breaker.opened_at else excluded.opened_at end,
          shard = excluded.shard, epoch = excluded.epoch, reason = excluded.reason, probe_at = excluded.probe_at`,
);

const remove = sql.prepared(
  'breaker_close',
  'delete from breaker where org_id = $1 and channel_account_id = $2 and channel_id is not distinct from $3',
);

/** Removes what earlier owners of shards wrote: who owns a shard now begins with closed breakers. */
export function removeStaleBreakers(tx: Tx): Promise<number> {
  return execute(
    tx,
    `delete from breaker
      where not exists (select 1 from lease where lease.shard = breaker.shard and lease.epoch = breaker.epoch)`,
  );
}
