import type { CheckLedgerResponse } from '@herald/contracts/dispatch';
import { HeraldError, notFound } from '@herald/errors';
import { giveTime, single, sql, type Database, type Tx } from '@herald/postgres';
import { statesOf, sumCounts } from '../ledger-counts';
import { countOpenSlicePositions, countStates, findContradictions, readAskedFor } from './ledger-store';

/** Some ten million messages are counted in this time. */
const STATEMENT_MS_DEFAULT = 30_000;

/**
 * Proves from the rows of one snapshot that every contact of every request is accounted for, and that no rows
 * contradict each other; of months whose messages are gone, from what stays of them. `requestId` narrows it to one request;
 * throws REQUEST_NOT_FOUND when that is not there. No statement takes longer than `statementMs`.
 */
export async function checkLedger(
  database: Database,
  org: string,
  requestId: string | undefined,
  statementMs = STATEMENT_MS_DEFAULT,
): Promise<CheckLedgerResponse> {
  return database.snapshot(org, async (tx) => {
    await giveTime(tx, statementMs);
    const scope = requestId ?? null;
    if (scope === null) await joinWhole(tx);
    const { snapshotTime } = single(await sql<{ snapshotTime: Date }>(tx, 'select now() as "snapshotTime"'));
    const { requests, contacts, refusedByReason } = await readAskedFor(tx, org, scope);
    if (requestId !== undefined && requests === 0) throw notFound('REQUEST_NOT_FOUND', 'outboundRequest', requestId);
    const states = await countStates(tx, org, scope);
    await refuseIfMonthWent(tx);
    for (const { state, reason, messages } of states) {
      if (state === 'REFUSED') refusedByReason[reason ?? ''] = (refusedByReason[reason ?? ''] ?? 0) + messages;
    }
    const counts = sumCounts(
      contacts,
      refusedByReason,
      states.filter(({ state }) => state !== 'REFUSED'),
    );
    const discrepancies = await findContradictions(tx, org, scope);
    const openSlicePositions = await countOpenSlicePositions(tx, org);
    // Sums may differ where nothing named does: more than is named of a kind, or a fault of this very check.
    const conserved = discrepancies.length === 0 && statesOf(counts) === contacts;
    return { conserved, counts, discrepancies, openSlicePositions, snapshotTime, requests };
  });
}

/**
 * Has whole tables joined as wholes. With statistics from before a burst each message's batch was looked up alone, in every
 * statement: 15 s of 200,000 messages, and 1 s so. What is to be looked up row by row says so by a lateral join.
 */
async function joinWhole(tx: Tx): Promise<void> {
  await sql(tx, `select set_config('enable_nestloop', 'off', true)`);
}

/**
 * A month that went after the snapshot was taken and before its messages were first read is neither in the rows nor, for
 * this snapshot, in what stays of it. Once they were read none can go until the end of the transaction.
 */
async function refuseIfMonthWent(tx: Tx): Promise<void> {
  const rows = await sql<{ went: boolean }>(
    tx,
    `select exists (
              select 1
                from pg_inherits i
                join pg_class c on c.oid = i.inhrelid
               where i.inhparent = 'message'::regclass and to_regclass(c.relname::text) is null) as went`,
  );
  if (!single(rows).went) return;
  throw new HeraldError('DATABASE_BUSY', 'A month was rolled up while the check began. Repeat the call.', {
    retryAfterMs: 1_000,
  });
}
