import { OutboundRequest, type LedgerCounts } from '@herald/contracts/dispatch';
import { HeraldError, REASONS } from '@herald/errors';
import { appendAudit, appendOutbox, execute, sql, type Act, type Database, type Tx } from '@herald/postgres';
import { messageChanges, type EventDeps } from '../events';
import { readRequest } from '../queries/requests';
import { findHold, markReleased } from './hold-store';
import { ensureHold } from './holds';

/** What changing a request needs of the world. */
export interface ChangeDeps extends EventDeps {
  database: Database;
}

/**
 * Ends what of a request is queued, in one transaction: all its batches are closed under their row locks, so that each
 * message is either claimed or cancelled and never both. What was claimed goes its way, and has no new turn if it turns
 * out not to have left. A repeat changes nothing. Throws REQUEST_NOT_FOUND, and REQUEST_FINISHED where there is nothing
 * left that could be cancelled (AIP-216).
 */
export async function cancelRequest(deps: ChangeDeps, act: Act, id: string): Promise<OutboundRequest> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    await lockRequest(tx, org, id);
    const before = await readRequest(tx, org, id);
    if (before.cancelTime) return before;
    refuseFinished(before);
    await execute(tx, 'update outbound_request set cancelled_at = ledger_now() where org_id = $1 and id = $2', [
      org,
      id,
    ]);
    const batches = await closeBatches(tx, org, id);
    const cancelled = await cancelMessages(tx, org, batches);
    const state = { org, requestId: id, state: 'CANCELLED', reason: null, providerCode: null };
    await appendOutbox(
      tx,
      messageChanges(
        cancelled.map((row) => ({ ...row, ...state })),
        deps,
      ),
    );
    return audited(tx, act, { before, after: await readRequest(tx, org, id) });
  });
}

/** Holds what of a request is queued. A repeat changes nothing. Throws REQUEST_NOT_FOUND and REQUEST_FINISHED. */
export async function pauseRequest(deps: ChangeDeps, act: Act, id: string): Promise<OutboundRequest> {
  return deps.database.transaction(act.org, async (tx) => {
    const before = await readRequest(tx, act.org, id);
    if (before.paused) return before;
    refuseFinished(before);
    await ensureHold(tx, deps, act, { kind: 'REQUEST', subjectId: id, note: '' });
    return audited(tx, act, { before, after: await readRequest(tx, act.org, id) });
  });
}

/** Lets a paused request go on, whoever holds it; one that is not paused stays as it is. Throws REQUEST_NOT_FOUND. */
export async function resumeRequest(deps: ChangeDeps, act: Act, id: string): Promise<OutboundRequest> {
  return deps.database.transaction(act.org, async (tx) => {
    const before = await readRequest(tx, act.org, id);
    const hold = await findHold(tx, act.org, id);
    if (!hold) return before;
    await markReleased(tx, act.org, hold.id);
    return audited(tx, act, { before, after: await readRequest(tx, act.org, id) });
  });
}

/** Lets the cancellations of a request follow one another. */
async function lockRequest(tx: Tx, org: string, id: string): Promise<void> {
  await sql(tx, 'select 1 from outbound_request where org_id = $1 and id = $2 for update', [org, id]);
}

/** A message of unknown outcome may still have a new turn, where it is to be sent at least once. */
function refuseFinished({ id, counts }: OutboundRequest): void {
  const { queued, sending, unknown } = counts as LedgerCounts;
  if (queued + sending + unknown > 0) return;
  const { text } = REASONS.REQUEST_FINISHED;
  throw new HeraldError('REQUEST_FINISHED', text, {
    metadata: { outboundRequestId: id },
    preconditions: [{ type: 'REQUEST_FINISHED', subject: `outboundRequest/${id}`, description: text }],
  });
}

interface ClosedBatch {
  id: string;
  claimedTo: number;
  firstId: string;
  lastId: string;
}

/**
 * Closes all batches of a request, those too whose messages are on their way. While this waits for a batch's lock, a new
 * turn may give the batch a follower that the statement does not see; so it asks until there is none. Whoever wants to
 * add one to a batch that is closed here waits for this transaction, and then sees that it is cancelled.
 */
async function closeBatches(tx: Tx, org: string, requestId: string): Promise<ClosedBatch[]> {
  const closed: ClosedBatch[] = [];
  for (;;) {
    const found = await sql<ClosedBatch>(
      tx,
      `with found as (
         select id
           from batch
          where org_id = $1 and outbound_request_id = $2 and cancelled_at is null
          order by id
            for update)
       update batch
          set cancelled_at = ledger_now()
         from found
        where batch.org_id = $1 and batch.id = found.id
       returning batch.id, claimed_to as "claimedTo", first_id as "firstId", last_id as "lastId"`,
      [org, requestId],
    );
    if (found.length === 0) return closed;
    closed.push(...found);
  }
}

/** Ends the messages that nobody claimed; what a callback proves to have left before stays as it is. */
function cancelMessages(
  tx: Tx,
  org: string,
  batches: readonly ClosedBatch[],
): Promise<{ messageId: string; version: number }[]> {
  return sql(
    tx,
    `with found as (
       select m.org_id, m.id
         from unnest($2::uuid[], $3::int[], $4::uuid[], $5::uuid[]) as closed (id, claimed_to, first_id, last_id)
         join message m on m.org_id = $1 and m.batch_id = closed.id and m.position > closed.claimed_to
                       and m.id between closed.first_id and closed.last_id
        where m.rank is null and m.best = 0 and m.expired_at is null
        order by m.id
          for update of m)
     update message m
        set reason = null, outcome_at = ledger_now(), updated_at = ledger_now(), version = m.version + 1
       from found
      where m.org_id = found.org_id and m.id = found.id
     returning m.id as "messageId", m.version`,
    [
      ...[org, batches.map(({ id }) => id), batches.map(({ claimedTo }) => claimedTo)],
      ...[batches.map(({ firstId }) => firstId), batches.map(({ lastId }) => lastId)],
    ],
  );
}

/** Adds the change to the audit log, where the acceptance of the request stands too. */
async function audited(
  tx: Tx,
  act: Act,
  { before, after }: Record<'before' | 'after', OutboundRequest>,
): Promise<OutboundRequest> {
  const subject = { kind: 'outboundRequest', id: after.id };
  await appendAudit(tx, act, { subject, before: shown(before), after: shown(after) });
  return after;
}

function shown({ id, outboundConfigurationId, counts, cancelTime, paused }: OutboundRequest): unknown {
  const kept = { id, outboundConfigurationId, counts, cancelTime, paused };
  return OutboundRequest.toJSON(OutboundRequest.fromPartial(kept));
}
