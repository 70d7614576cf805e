import { appendOutbox, bareArray, sql, type Tx } from '@herald/postgres';
import { messageChanges, type EventDeps } from '../events';
import type { MessageEvidence } from './evidence-store';
import { stateOf } from './merge';

/** The provider's own words about a message that it has or refuses: below are inferences, above are proofs of delivery. */
const RANK_MIN = 10;
const RANK_MAX = 60;

/**
 * Writes the provider's words about messages of which nothing is known: with nothing to merge, one statement finds out that
 * it is so, writes the word and the step of history, and reads next to nothing. Announces what changed, and returns the
 * pieces that it did not write; those are for applyEvidence, in a transaction of their own, so that each of the two locks
 * all its messages in one pass and in the order of their ids. Takes one piece for a message at most.
 */
export async function writeFirstWords(
  tx: Tx,
  deps: EventDeps,
  evidence: readonly MessageEvidence[],
): Promise<ReadonlySet<string>> {
  const words = evidence.filter(({ rank }) => rank >= RANK_MIN && rank <= RANK_MAX).sort(byId);
  const [first, last] = [words[0], words.at(-1)];
  if (!first || !last) return new Set();
  const states = words.map(({ rank }) => stateOf({ rank, best: 0, isExpired: false }));
  const written = await writeWords(tx, [
    bareArray(words.map(({ org }) => org)),
    bareArray(words.map(({ messageId }) => messageId)),
    bareArray(words.map(({ attempt }) => attempt)),
    bareArray(words.map(({ rank }) => rank)),
    words.map(({ reason }) => reason),
    words.map(({ providerCode }) => providerCode),
    words.map(({ providerId }) => providerId),
    bareArray(words.map(({ source }) => source)),
    bareArray(words.map(() => deps.newId())),
    bareArray(states),
    first.messageId,
    last.messageId,
  ]);
  const changes = written.map(({ place, requestId, version }) => {
    const index = place - 1;
    const { org, messageId, reason, providerCode } = words[index] ?? first;
    return { org, messageId, requestId, version, state: states[index] ?? '', reason, providerCode };
  });
  await appendOutbox(tx, messageChanges(changes, deps));
  return new Set(changes.map(({ messageId }) => messageId));
}

function byId(a: MessageEvidence, b: MessageEvidence): number {
  if (a.messageId === b.messageId) return a.org < b.org ? -1 : 1;
  return a.messageId < b.messageId ? -1 : 1;
}

const writeWords = sql.prepared<{ place: number; requestId: string; version: number }>(
  'message_write_first',
  `with o as materialized (
     select *
       from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::smallint[], $5::text[], $6::text[], $7::text[],
                   $8::text[], $9::uuid[], $10::text[])
            with ordinality
            as o (org_id, id, attempt, rank, reason, provider_code, provider_id, source, step_id, state, place)),
   written as (
     update message m
        set rank = o.rank, reason = o.reason, provider_code = o.provider_code,
            provider_id = coalesce(m.provider_id, o.provider_id), outcome_at = coalesce(m.outcome_at, ledger_now()),
            version = m.version + 1, updated_at = ledger_now()
       from o
      where m.org_id = o.org_id and m.id = o.id and m.id between $11 and $12
        and m.attempt = o.attempt and m.rank is null and m.best = 0 and m.expired_at is null
     returning o.*, m.outbound_request_id, m.version, m.updated_at),
   told as (
     insert into message_step
       (org_id, message_id, id, attempt, at, state, rank, reason, provider_code, provider_id, source)
     select org_id, id, step_id, attempt, updated_at, state, rank, reason, provider_code, provider_id, source
       from written)
   select place::int, outbound_request_id as "requestId", version
     from written`,
);
