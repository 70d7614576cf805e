import { appendOutbox, sql, type Tx } from '@herald/postgres';
import { messageChanges, type EventDeps, type StateChange } from '../events';
import { wakeChecker } from './check-timers';
import { contradicts, merge, stateOf, UNKNOWN_RANK, type Evidence, type Standing } from './merge';
import { writeContradictions, writeSteps, type Step, type StepSource } from './steps';

/** Evidence about one message of one organisation, and who gives it. */
export interface MessageEvidence extends Evidence, Pick<Step, 'saidBy' | 'evidence'> {
  org: string;
  messageId: string;
  source: StepSource;
}

/** A message's row, locked, with what its batch knows of the account it is sent through. */
export interface LockedMessage extends Standing {
  org: string;
  id: string;
  requestId: string;
  version: number;
  isExpired: boolean;
  batchId: string | null;
  channelAccountId: string | null;
  deliveryGuarantee: string | null;
  /** The trace of the call that accepted it. */
  traceparent: string | null;
}

const lockMessages = sql.prepared<LockedMessage>(
  'message_lock',
  `select m.org_id as org, m.id, m.outbound_request_id as "requestId", m.attempt, m.rank, m.best, m.reason,
          m.provider_code as "providerCode", m.provider_id as "providerId", m.version,
          m.expired_at is not null as "isExpired", m.batch_id as "batchId", b.channel_account_id as "channelAccountId",
          b.delivery_guarantee as "deliveryGuarantee", b.traceparent
     from message m
     join unnest($1::uuid[], $2::uuid[]) as wanted (org_id, id) on wanted.org_id = m.org_id and wanted.id = m.id
     left join batch b on b.org_id = m.org_id and b.id = m.batch_id
    where m.id between $3 and $4
    order by m.org_id, m.id
      for update of m`,
);

/**
 * Locks messages, always in one order so that two bulk merges never wait for each other. Those that are not there are
 * left out. The same id may be wanted of several organisations: a callback can name what is not its own.
 */
export async function lock(tx: Tx, wanted: readonly { org: string; messageId: string }[]): Promise<LockedMessage[]> {
  const distinct = [...new Map(wanted.map((one) => [`${one.messageId}/${one.org}`, one])).entries()];
  const sorted = distinct.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last) return [];
  const ids = sorted.map(({ messageId }) => messageId);
  return lockMessages(tx, [sorted.map(({ org }) => org), ids, first.messageId, last.messageId]);
}

// The step that a change is stands in the same statement, from the same columns: 200 of both take 1 ms less than apart. A
// change that is no single step, as when several words came together, has none here.
const writeStandings = sql.prepared(
  'message_write_standing',
  `with o as materialized (
     select *
       from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], $7::text[],
                   $8::uuid[], $9::text[], $10::text[])
            as o (org_id, id, rank, best, reason, provider_code, provider_id, step_id, state, source)),
   written as (
     update message m
        set rank = o.rank, best = o.best, reason = o.reason, provider_code = o.provider_code, provider_id = o.provider_id,
            outcome_at = coalesce(m.outcome_at, ledger_now()), version = m.version + 1, updated_at = ledger_now()
       from o
      where m.org_id = o.org_id and m.id = o.id and m.id between $11 and $12
     returning m.org_id, m.id, m.attempt, m.updated_at, o.rank, o.reason, o.provider_code, o.provider_id, o.step_id,
               o.state, o.source)
   insert into message_step
     (org_id, message_id, id, attempt, at, state, rank, reason, provider_code, provider_id, source)
   select org_id, id, step_id, attempt, updated_at, state, rank, reason, provider_code, provider_id, source
     from written
    where step_id is not null`,
);

/** What came of evidence. */
export interface Applied {
  changes: StateChange[];
  /** Words that say the opposite of what was known, whichever of the two counts. */
  contradictions: number;
}

/**
 * Merges evidence into messages that the transaction has locked, writes it to their history, and announces what changed.
 * Several pieces about one message are merged in turn. Evidence about a message that is not among them is passed over.
 * A message that becomes unknown has its batch looked after.
 */
export async function applyEvidence(
  tx: Tx,
  deps: EventDeps,
  { locked, evidence }: { locked: readonly LockedMessage[]; evidence: readonly MessageEvidence[] },
): Promise<Applied> {
  const { changed, steps, denied, overruled } = mergeAll(locked, evidence);
  const contradictions = overruled + (await writeContradictions(tx, deps, denied));
  if (changed.length === 0) return { changes: [], contradictions };
  const own = changed.map((message) => onlyStepOf(message, steps.get(message.id) ?? []));
  await writeStandings(tx, [
    changed.map((message) => message.org),
    changed.map((message) => message.id),
    changed.map((message) => message.rank),
    changed.map((message) => message.best),
    changed.map((message) => message.reason),
    changed.map((message) => message.providerCode),
    changed.map((message) => message.providerId),
    own.map((step) => (step ? deps.newId() : null)),
    own.map((step) => step?.state ?? null),
    own.map((step) => step?.source ?? null),
    changed[0]?.id,
    changed[changed.length - 1]?.id,
  ]);
  const others = changed.filter((_, index) => !own[index]);
  await writeSteps(
    tx,
    deps,
    others.flatMap(({ id }) => steps.get(id) ?? []),
  );
  const unknown = changed.filter(({ rank }) => rank === UNKNOWN_RANK);
  await wakeChecker(
    tx,
    unknown.flatMap(({ org, batchId }) => (batchId === null ? [] : [{ org, batchId }])),
  );
  const changes = changed.map((message) => ({
    ...{ org: message.org, messageId: message.id, requestId: message.requestId, version: message.version + 1 },
    ...{ state: stateOf(message), reason: message.reason, providerCode: message.providerCode },
  }));
  await appendOutbox(tx, messageChanges(changes, deps));
  return { changes, contradictions };
}

/** The one step that a change is, where it says just what the message's row says from now on. */
function onlyStepOf(message: LockedMessage, [step, second]: readonly Step[]): Step | undefined {
  if (!step || second || step.saidBy !== undefined) return undefined;
  const isSame = step.rank === message.rank && step.attempt === message.attempt;
  return isSame && (step.providerId ?? message.providerId) === message.providerId ? step : undefined;
}

/** The messages that evidence changes, the steps of each, and the words that change nothing but deny what is known. */
function mergeAll(locked: readonly LockedMessage[], evidence: readonly MessageEvidence[]) {
  const before = new Map(locked.map((message) => [message.id, message]));
  const after = new Map<string, LockedMessage>();
  const steps = new Map<string, Step[]>();
  const denied: Step[] = [];
  let overruled = 0;
  for (const piece of evidence) {
    const current = after.get(piece.messageId) ?? before.get(piece.messageId);
    if (current?.org !== piece.org) continue;
    const merged = merge(current, piece);
    const isContradiction = contradicts(current, piece);
    if (!merged && isContradiction) denied.push({ ...piece, state: stateOf({ ...piece, best: 0, isExpired: false }) });
    if (!merged) continue;
    const next = { ...current, ...merged };
    after.set(current.id, next);
    steps.set(current.id, [...(steps.get(current.id) ?? []), { ...piece, state: stateOf(next) }]);
    overruled += isContradiction ? 1 : 0;
  }
  const changed = [...after.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { changed, steps, denied, overruled };
}
