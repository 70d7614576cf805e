import { appendOutbox, single, sql, type Tx } from '@herald/postgres';
import type { MessageReason } from '@herald/errors';
import type { LockedMessage } from '../evidence/evidence-store';
import { writeSteps, type StepSource } from '../evidence/steps';
import { batchReady, messageChanges, type EventDeps } from '../events';
import { retryWaitMs } from './retry-wait';

/** A message that is to have another attempt. */
export interface NewTurn {
  org: string;
  messageId: string;
  batchId: string;
  /** The attempt that did not come about. */
  attempt: number;
  /** How long the provider asks to wait. */
  askedMs: number;
  reason: MessageReason;
}

/**
 * Moves messages to new batches of the same sender, guarantee and expiry, as their next attempts; those of one batch stay
 * together. What would be ready only after its expiry is expired at once, and what was cancelled meanwhile is cancelled.
 * Whoever calls has locked the messages and found that each still stands at the attempt of its turn.
 */
export async function giveNewTurns(
  tx: Tx,
  deps: EventDeps,
  { turns, source }: { turns: readonly NewTurn[]; source: StepSource },
): Promise<void> {
  const byBatch = Map.groupBy(turns, ({ org, batchId }) => `${org}/${batchId}`);
  for (const together of byBatch.values()) await moveToNewBatch(tx, deps, { turns: together, source });
}

/** Whether a message still stands where its turn left it: in that batch, at that attempt, with no proof that it arrived. */
export function standsAt(message: LockedMessage | undefined, { batchId, attempt }: NewTurn): message is LockedMessage {
  return message?.attempt === attempt && message.batchId === batchId && message.best === 0;
}

async function moveToNewBatch(
  tx: Tx,
  deps: EventDeps,
  { turns, source }: { turns: readonly NewTurn[]; source: StepSource },
): Promise<void> {
  const [first] = turns;
  if (!first) return;
  const { org, batchId } = first;
  const sorted = [...turns].sort((a, b) => (a.messageId < b.messageId ? -1 : 1));
  const ids = sorted.map(({ messageId }) => messageId);
  const newBatchId = deps.newId();
  const chance = deps.chance();
  const waitMs = Math.max(...turns.map((turn) => retryWaitMs(turn, chance)));
  const batch = single(
    await insertFollowingBatch(tx, [org, batchId, newBatchId, waitMs / 1000, ids.length, ids[0], ids[ids.length - 1]]),
  );
  const { state } = batch;
  const moved = await moveMessages(tx, [org, newBatchId, state, ids, sorted.map(({ reason }) => reason)]);
  const changes = moved.map((row) => ({ ...row, org, state, providerCode: null }));
  const step = { org, rank: null, providerCode: null, providerId: null, state, source };
  // A cancellation is no step of a message: it stands in its batch.
  const steps = state === 'CANCELLED' ? [] : moved;
  await writeSteps(
    tx,
    deps,
    steps.map(({ messageId, attempt, reason }) => ({ ...step, messageId, attempt, reason })),
  );
  const ready = state === 'QUEUED' ? [batchReady({ ...batch, org, id: newBatchId }, deps)] : [];
  await appendOutbox(tx, [...messageChanges(changes, deps), ...ready]);
}

interface FollowingBatch {
  channelId: string;
  priority: number;
  shard: number;
  readyAt: Date;
  /** What its messages are from now on. */
  state: 'QUEUED' | 'EXPIRED' | 'CANCELLED';
}

/**
 * A batch of a cancelled request, or one that would be ready only after its expiry, is closed from the start. The batch
 * that it follows is locked for share: a cancellation either waits and then finds the new batch, or is seen here. It goes
 * where its sender's batches go by now, under the lock that keeps them there: while it was sent the sender may have moved.
 */
const insertFollowingBatch = sql.prepared<FollowingBatch>(
  'batch_follow',
  `insert into batch
     (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at, expires_at,
      size, claimed_to, first_id, last_id, traceparent, created_at, cancelled_at, outbound_request_id, configuration_id,
      sequence_key, sequence_at)
   select org_id, $3, coalesce((
            select sender.shard from sender
             where sender.org_id = batch.org_id and sender.channel_id = batch.channel_id
               for key share), shard), channel_id, channel_account_id, priority, delivery_guarantee,
          ledger_now() + make_interval(secs => $4), expires_at, $5,
          case when cancelled_at is null and ledger_now() + make_interval(secs => $4) >= expires_at then $5 else 0 end,
          $6, $7, traceparent, ledger_now(), cancelled_at, outbound_request_id, configuration_id, sequence_key, sequence_at
     from batch
    where org_id = $1 and id = $2
      for share of batch
   returning channel_id as "channelId", priority, shard, ready_at as "readyAt",
             case when cancelled_at is not null then 'CANCELLED' when claimed_to = size then 'EXPIRED' else 'QUEUED' end as state`,
);

interface MovedRow {
  messageId: string;
  requestId: string;
  version: number;
  attempt: number;
  reason: string | null;
}

const moveMessages = sql.prepared<MovedRow>(
  'message_move',
  `update message m
      set batch_id = $2, position = moved.position, attempt = m.attempt + 1, rank = null, provider_code = null,
          provider_id = null, reason = case $3 when 'EXPIRED' then $3 when 'QUEUED' then moved.reason end,
          outcome_at = case when $3 <> 'QUEUED' then ledger_now() end,
          expired_at = case when $3 = 'EXPIRED' then ledger_now() end,
          version = m.version + 1, updated_at = ledger_now()
     from unnest($4::uuid[], $5::text[]) with ordinality as moved (id, reason, position)
    where m.org_id = $1 and m.id = moved.id
   returning m.id as "messageId", m.outbound_request_id as "requestId", m.version, m.attempt, m.reason`,
);
