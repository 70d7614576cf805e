import { sql, type Tx } from '@herald/postgres';
import type { EventDeps } from '../events';

/**
 * Who says it: the answer to our send, a callback, a look-up at the provider, the recovery of what a dead owner left,
 * time that ran out, or an operator.
 */
export type StepSource = 'SEND' | 'CALLBACK' | 'LOOK_UP' | 'RECOVERY' | 'TIME' | 'OPERATOR';

/** One step of a message's history. */
export interface Step {
  org: string;
  messageId: string;
  /** The attempt that it tells of. */
  attempt: number;
  /** The message's state after it; of a contradiction the state that is denied to the message. */
  state: string;
  rank: number | null;
  reason: string | null;
  providerCode: string | null;
  providerId: string | null;
  source: StepSource;
  /** The operator, and how the operator knows. */
  saidBy?: string | undefined;
  evidence?: string | undefined;
}

/** Adds to the history, in the transaction of the changes that it tells of; one statement for any number. */
export async function writeSteps(tx: Tx, deps: Pick<EventDeps, 'newId'>, steps: readonly Step[]): Promise<void> {
  if (steps.length > 0) await insertSteps(tx, columnsOf(deps, steps));
}

/** Adds words that contradict what is known. One that came before, as callbacks may, is not added again. */
export async function writeContradictions(
  tx: Tx,
  deps: Pick<EventDeps, 'newId'>,
  steps: readonly Step[],
): Promise<number> {
  if (steps.length === 0) return 0;
  return (await insertContradictions(tx, columnsOf(deps, steps))).length;
}

function columnsOf({ newId }: Pick<EventDeps, 'newId'>, steps: readonly Step[]): unknown[][] {
  return [
    steps.map(({ org }) => org),
    steps.map(({ messageId }) => messageId),
    steps.map(() => newId()),
    steps.map(({ attempt }) => attempt),
    steps.map(({ state }) => state),
    steps.map(({ rank }) => rank),
    steps.map(({ reason }) => reason),
    steps.map(({ providerCode }) => providerCode),
    steps.map(({ providerId }) => providerId),
    steps.map(({ source }) => source),
    steps.map(({ saidBy }) => saidBy ?? null),
    steps.map(({ evidence }) => evidence ?? null),
  ];
}

const insertSteps = sql.prepared(
  'message_step_insert',
  `insert into message_step
     (org_id, message_id, id, attempt, at, state, rank, reason, provider_code, provider_id, source, said_by, evidence)
   select s.org_id, s.message_id, s.id, s.attempt, ledger_now(), s.state, s.rank, s.reason, s.provider_code, s.provider_id,
          s.source, s.said_by, s.evidence
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::smallint[], $7::text[], $8::text[],
                 $9::text[], $10::text[], $11::text[], $12::text[])
          as s (org_id, message_id, id, attempt, state, rank, reason, provider_code, provider_id, source, said_by, evidence)`,
);

const insertContradictions = sql.prepared<{ id: string }>(
  'message_step_contradict',
  `insert into message_step
     (org_id, message_id, id, attempt, at, state, rank, reason, provider_code, provider_id, source, said_by, evidence,
      contradicts)
   select s.org_id, s.message_id, s.id, s.attempt, ledger_now(), s.state, s.rank, s.reason, s.provider_code, s.provider_id,
          s.source, s.said_by, s.evidence, true
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::smallint[], $7::text[], $8::text[],
                 $9::text[], $10::text[], $11::text[], $12::text[])
          as s (org_id, message_id, id, attempt, state, rank, reason, provider_code, provider_id, source, said_by, evidence)
    where not exists (
          select 1 from message_step known
           where known.org_id = s.org_id and known.message_id = s.message_id and known.attempt = s.attempt
             and known.rank = s.rank and known.provider_code is not distinct from s.provider_code)
   returning id`,
);
