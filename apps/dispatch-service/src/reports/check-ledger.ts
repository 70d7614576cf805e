import type { CheckLedgerResponse, LedgerCounts } from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { single, sql, type Database } from '@herald/postgres';
import { addCounts, emptyCounts, statesOf, sumCounts, type StateCount } from '../ledger-counts';
import { countOpenSlicePositions, countStates, findContradictions, readRequestCounts } from './ledger-store';

/**
 * Proves from the rows of one snapshot that every contact of every request is accounted for, and that no rows
 * contradict each other. `requestId` narrows it to one request; throws REQUEST_NOT_FOUND when that is not there.
 */
export async function checkLedger(
  database: Database,
  org: string,
  requestId: string | undefined,
): Promise<CheckLedgerResponse> {
  return database.snapshot(org, async (tx) => {
    const scope = requestId ?? null;
    const { snapshotTime } = single(await sql<{ snapshotTime: Date }>(tx, 'select now() as "snapshotTime"'));
    const requests = await readRequestCounts(tx, org, scope);
    if (requestId !== undefined && requests.length === 0)
      throw notFound('REQUEST_NOT_FOUND', 'outboundRequest', requestId);
    const states = groupByRequest(await countStates(tx, org, scope));
    const discrepancies = await findContradictions(tx, org, scope);
    let counts: LedgerCounts = emptyCounts(0);
    for (const { id, contacts, refused, refusedByReason } of requests) {
      const line = sumCounts(contacts, refusedByReason, states.get(id) ?? []);
      states.delete(id);
      if (line.refused !== refused) {
        discrepancies.push({
          subject: id,
          description: `refused is ${refused}, but its reasons add up to ${line.refused}`,
        });
      }
      if (statesOf(line) !== contacts) {
        discrepancies.push({
          subject: id,
          description: `${contacts} contacts, but the states add up to ${statesOf(line)}`,
        });
      }
      counts = addCounts(counts, line);
    }
    for (const id of states.keys())
      discrepancies.push({ subject: id, description: 'messages of a request that is not there' });
    const openSlicePositions = await countOpenSlicePositions(tx, org);
    return {
      conserved: discrepancies.length === 0,
      counts,
      discrepancies,
      openSlicePositions,
      snapshotTime,
      requests: requests.length,
    };
  });
}

function groupByRequest(rows: readonly (StateCount & { requestId: string })[]): Map<string, StateCount[]> {
  const grouped = new Map<string, StateCount[]>();
  for (const row of rows) {
    const states = grouped.get(row.requestId);
    if (states) states.push(row);
    else grouped.set(row.requestId, [row]);
  }
  return grouped;
}
