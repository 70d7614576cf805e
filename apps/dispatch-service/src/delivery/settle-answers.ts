import { rankOfTaken, type StatusReport } from '@herald/channels';
import { sql, type Tx } from '@herald/postgres';
import { applyEvidence, lock, type LockedMessage, type MessageEvidence } from '../evidence/evidence-store';
import { GIVEN_UP_RANK, UNKNOWN_RANK } from '../evidence/merge';
import { joinProviderIds } from '../evidence/provider-refs';
import { reasonOf } from '../evidence/reason-of';
import type { StepSource } from '../evidence/steps';
import type { EventDeps } from '../events';
import { giveNewTurns, standsAt, type NewTurn } from '../record/new-turns';
import { earliestOf, type Answer } from './ask-provider';
import { judgeFinding, type Judgement, type Owner } from './judge-finding';
import { ATTEMPT_NEEDS_MS, tryOnceMore } from './try-once-more';
import type { StandingMessage } from './visits';
import { isOverdue } from './when-to-look';

/** An AT_LEAST_ONCE message is sent so often at most when outcomes stay unknown: each of them may have arrived. */
const UNKNOWN_ATTEMPTS_MAX = 3;

/** An answer, and what it comes to. */
export interface Judged extends Answer {
  comesTo: Judgement | { kind: 'report'; report: StatusReport } | { kind: 'unavailable'; retryAfterMs: number };
}

/**
 * Writes down what the provider says to questions, in one transaction. What it has is evidence like any word of its own.
 * What it certainly has not, and what nobody can tell at its deadline, goes by the delivery guarantee: AT_MOST_ONCE is
 * failed, AT_LEAST_ONCE gets a new attempt. A message that got another outcome meanwhile stays as it is, so that asking
 * twice, or two who ask at once, change nothing.
 */
export async function settleAnswers(tx: Tx, deps: EventDeps, answers: readonly Answer[]): Promise<Judged[]> {
  const judged = await judgeAll(tx, answers);
  // Provider ids before messages, as everywhere.
  const earlierWord = await joinProviderIds(tx, judged.flatMap(idOf));
  const owners = await readOwners(
    tx,
    judged.filter(({ comesTo }) => comesTo.kind === 'found'),
  );
  const locked = await lock(
    tx,
    judged.map(({ message }) => ({ org: message.org, messageId: message.id })),
  );
  const byId = new Map(locked.map((message) => [message.id, message]));
  const said = judged.flatMap((each) => wordOf(each, owners));
  const over = judged.filter((each) => isToBeDecided(each, byId.get(each.message.id)));
  const attempts = await countUnknownAttempts(tx, over);
  const [again, failed] = split(over, (each) => mayTryAgain(each, attempts.get(each.message.id) ?? 1));
  const { changes } = await applyEvidence(tx, deps, {
    locked,
    evidence: [...said, ...earlierWord, ...failed.map(givenUp)],
  });
  await tryOnceMore(tx, deps, { locked, changes, source: 'LOOK_UP' });
  const turns = again.map(turnOf).filter((turn) => standsAt(byId.get(turn.messageId), turn));
  await giveNewTurns(tx, deps, { turns, source: 'LOOK_UP' });
  return judged;
}

async function judgeAll(tx: Tx, answers: readonly Answer[]): Promise<Judged[]> {
  const [owners, twins] = [await readOwners(tx, answers), await findTwins(tx, answers)];
  return answers.map((answer): Judged => {
    const { says, message } = answer;
    if (says.kind !== 'found') return { ...answer, comesTo: says };
    const sought = { messageId: message.id, attempt: message.attempt };
    return { ...answer, comesTo: judgeFinding(says, { sought, owners, hasTwin: twins.has(message.id) }) };
  });
}

/** Whose the ids are that the provider names: those of an account are unique, and Twilio's are so in all the world. */
async function readOwners(tx: Tx, answers: readonly Answer[]): Promise<ReadonlyMap<string, Owner>> {
  const named = answers.flatMap(({ batch, says }) =>
    says.kind === 'found' ? says.candidates.map(({ providerId }) => ({ batch, providerId })) : [],
  );
  if (named.length === 0) return new Map();
  const rows = await selectOwners(tx, [
    named.map(({ batch }) => batch.org),
    named.map(({ batch }) => batch.channelAccountId),
    named.map(({ providerId }) => providerId),
  ]);
  return new Map(rows.map(({ providerId, ...owner }) => [providerId, owner]));
}

const selectOwners = sql.prepared<Owner & { providerId: string }>(
  'provider_ref_owners',
  `select ref.provider_id as "providerId", ref.message_id as "messageId", ref.attempt
     from provider_ref ref
     join unnest($1::uuid[], $2::uuid[], $3::text[]) as named (org_id, channel_account_id, provider_id)
       on named.org_id = ref.org_id and named.channel_account_id = ref.channel_account_id
      and named.provider_id = ref.provider_id
    where ref.message_id is not null`,
);

/**
 * The messages of which the provider may have one of two: another has the same text to the same number, was unknown too,
 * and nobody has told of that attempt since, though it may have been given up by now.
 */
async function findTwins(tx: Tx, answers: readonly Answer[]): Promise<ReadonlySet<string>> {
  const seen = answers.filter(({ says }) => says.kind === 'found' && says.candidates.length > 0);
  if (seen.length === 0) return new Set();
  const rows = await selectTwins(tx, [
    seen.map(({ message }) => message.org),
    seen.map(({ message }) => message.id),
    seen.map(({ message }) => message.toAddress),
    seen.map(({ message }) => message.body),
    new Date(Math.min(...seen.map(({ batch }) => earliestOf(batch).getTime()))),
  ]);
  return new Set(rows.map(({ id }) => id));
}

// What is unknown stands in an index of the history by time; the messages themselves have none that outcomes would have
// to keep up.
const selectTwins = sql.prepared<{ id: string }>(
  'message_twins',
  `with sought as (
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as s (org_id, id, to_address, body)),
   unknown as materialized (
     select distinct body.org_id, body.id, body.to_address, body.body
       from message_step step
       join message_body body on body.org_id = step.org_id and body.id = step.message_id
      where step.org_id = any($1::uuid[]) and step.rank = 1 and step.at >= $5
        and not exists (
              select 1 from message_step word
               where word.org_id = step.org_id and word.message_id = step.message_id and word.attempt = step.attempt
                 and word.rank >= 10))
   select distinct sought.id
     from sought
     join unknown on unknown.org_id = sought.org_id and unknown.to_address = sought.to_address
                 and unknown.body = sought.body and unknown.id <> sought.id`,
);

function idOf({ comesTo, batch, message }: Judged) {
  if (comesTo.kind !== 'found') return [];
  const { org, channelAccountId } = batch;
  const { providerId } = comesTo.report;
  return [{ org, channelAccountId, providerId, messageId: message.id, attempt: message.attempt }];
}

/** What the provider says of a message; nothing where another message turned out to have the id meanwhile. */
function wordOf({ comesTo, message }: Judged, owners: ReadonlyMap<string, Owner>): MessageEvidence[] {
  if (comesTo.kind !== 'found' && comesTo.kind !== 'report') return [];
  const { providerId, status, errorCode } = comesTo.report;
  if (comesTo.kind === 'found' && owners.get(providerId)?.messageId !== message.id) return [];
  const rank = rankOfTaken(status);
  const providerCode = errorCode === '' ? null : errorCode;
  const about = { org: message.org, messageId: message.id, attempt: message.attempt };
  return [{ ...about, rank, reason: reasonOf(rank, providerCode), providerCode, providerId, source: 'LOOK_UP' }];
}

/** Whether nobody will tell what became of the message: the provider has it not, or the wait is over. */
function isToBeDecided({ comesTo, message, batch }: Judged, current: LockedMessage | undefined): boolean {
  const isStillUnknown = current?.rank === UNKNOWN_RANK && current.best === 0 && current.attempt === message.attempt;
  if (!isStillUnknown || message.rank !== UNKNOWN_RANK) return false;
  if (comesTo.kind === 'not_there') return true;
  return comesTo.kind !== 'found' && isOverdue(message, batch.takenAt);
}

/** How many attempts of each message became unknown so far. */
async function countUnknownAttempts(tx: Tx, judged: readonly Judged[]): Promise<ReadonlyMap<string, number>> {
  if (judged.length === 0) return new Map();
  const rows = await selectAttempts(tx, [
    judged.map(({ message }) => message.org),
    judged.map(({ message }) => message.id),
  ]);
  return new Map(rows.map(({ id, attempts }) => [id, attempts]));
}

const selectAttempts = sql.prepared<{ id: string; attempts: number }>(
  'message_unknown_attempts',
  `select step.message_id as id, count(distinct step.attempt)::int as attempts
     from message_step step
     join unnest($1::uuid[], $2::uuid[]) as sought (org_id, id)
       on sought.org_id = step.org_id and sought.id = step.message_id
    where step.rank = 1
    group by step.message_id`,
);

function mayTryAgain({ batch }: Judged, unknownAttempts: number): boolean {
  if (batch.isCancelled) return false;
  const leftMs = batch.expiresAt.getTime() - batch.takenAt.getTime();
  return (
    batch.deliveryGuarantee === 'AT_LEAST_ONCE' && unknownAttempts < UNKNOWN_ATTEMPTS_MAX && leftMs > ATTEMPT_NEEDS_MS
  );
}

function turnOf({ message: { org, id, batchId, attempt } }: Judged): NewTurn {
  return { org, batchId, messageId: id, attempt, askedMs: 0, reason: 'NOT_FOUND_AT_PROVIDER' };
}

function givenUp({ comesTo, message }: Judged): MessageEvidence {
  const { org, id, attempt }: StandingMessage = message;
  const source: StepSource = comesTo.kind === 'not_there' ? 'LOOK_UP' : 'TIME';
  const nothing = { providerCode: null, providerId: null };
  return { org, messageId: id, attempt, rank: GIVEN_UP_RANK, reason: 'UNKNOWN_OUTCOME', ...nothing, source };
}

function split<Item>(items: readonly Item[], is: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(is), items.filter((item) => !is(item))];
}
