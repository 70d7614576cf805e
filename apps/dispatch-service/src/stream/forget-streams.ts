import { execute, sql, type Database, type Tx } from '@herald/postgres';

/** A statement removes so many rows at most, so that it holds its locks briefly. */
const ROWS_MAX = 5_000;
const STREAMS_MAX = 100;
/** Ten million addresses in each call at most: one stream of the largest size. */
const ROUNDS_MAX = 2_000;

/** A stream that is over: its caller closed it, or can take it up no more, since request ids are kept as long. */
interface OverStream {
  org: string;
  id: string;
}

/** Removes the addresses of streams that are over. */
export async function forgetAddresses(database: Database): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if (!(await database.worker(forgetSome))) return;
  }
}

/**
 * Tells whether there is more to forget. The streams are locked, and passed over by whoever else keeps house: it would find
 * the addresses that are being removed gone, and take what is left of them for nothing.
 */
async function forgetSome(tx: Tx): Promise<boolean> {
  const over = await sql<OverStream>(
    tx,
    `select org_id as org, id from outbound_stream
      where (org_id, id) in (
            (select org_id, id from outbound_stream where has_addresses and closed_at is not null limit $1)
            union
            (select org_id, id from outbound_stream
              where has_addresses and created_at < (select clock_timestamp()) - interval '30 days' limit $1))
        and has_addresses
        for update skip locked`,
    [STREAMS_MAX],
  );
  if (over.length === 0) return false;
  const keys = [over.map(({ org }) => org), over.map(({ id }) => id)];
  const removed = await execute(
    tx,
    `delete from outbound_stream_address
      where (org_id, outbound_stream_id, address_hash) in (
            select seen.org_id, seen.outbound_stream_id, seen.address_hash
              from unnest($1::uuid[], $2::uuid[]) as stream (org_id, id)
              join outbound_stream_address seen on seen.org_id = stream.org_id and seen.outbound_stream_id = stream.id
             limit $3)`,
    [...keys, ROWS_MAX],
  );
  if (removed === ROWS_MAX) return true;
  await execute(
    tx,
    `update outbound_stream stream
        set has_addresses = false, closed_at = coalesce(closed_at, clock_timestamp())
       from unnest($1::uuid[], $2::uuid[]) as over (org_id, id)
      where stream.org_id = over.org_id and stream.id = over.id`,
    keys,
  );
  return over.length >= STREAMS_MAX;
}

/** Removes streams that nobody can take up any more and whose addresses are forgotten, so many at most; returns how many. */
export function removeStreams(tx: Tx, max: number): Promise<number> {
  return execute(
    tx,
    `delete from outbound_stream
      where (org_id, id) in (
            select org_id, id from outbound_stream
             where created_at < (select clock_timestamp()) - interval '30 days' and not has_addresses limit $1)`,
    [max],
  );
}
