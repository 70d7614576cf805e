import { maybe, single, sql, type Tx } from '@herald/postgres';
import type { EventDeps } from '../events';
import { expireRest } from './expire';
import { holdLease, type Lease } from './lease';

/** A slice holds at most so many messages: what one flush of outcomes takes, twice over. */
const SLICE_MESSAGES_MAX = 100;
/** A slice holds what its sender may send in this time. */
const SLICE_SECONDS = 2;
/** Nothing of a slice goes to a socket later than this after its claim began. */
export const SEND_WINDOW_MS = 5_000;
/** A sender whose turn comes within this time may claim now: a timer is no more exact than that. */
const PACE_TOLERANCE_MS = 20;

/** What a claim needs to know beforehand. */
export interface ClaimRequest extends Lease {
  org: string;
  batchId: string;
  /** The pace of the batch's sender. */
  segmentsPerSecond: number;
}

/** A message to be sent. */
export interface ClaimedMessage {
  id: string;
  position: number;
  attempt: number;
  segments: number;
  toAddress: string;
  body: string;
}

/** Positions lo..hi of a batch, which nobody else will ever claim. */
export interface ClaimedSlice {
  org: string;
  batchId: string;
  lo: number;
  hi: number;
  channelId: string;
  channelAccountId: string;
  /** How long its messages are valid from the claim on, by the database's clock. */
  expiresInMs: number;
  traceparent: string | null;
  messages: ClaimedMessage[];
}

/** What came of a claim. */
export type Claim =
  | { kind: 'claimed'; slice: ClaimedSlice; isLast: boolean; nextInMs: number }
  /** The batch is claimed to its end, cancelled, or not there. */
  | { kind: 'closed' }
  /** The batch is not ready, its sender is still busy with what was claimed before, or 0: claim again. */
  | { kind: 'wait'; ms: number }
  /** Another instance owns the shard, or the lease ran out. */
  | { kind: 'lost' };

/**
 * Claims the next messages of a batch, in one transaction. The lease row is locked for share, so that a take-over waits
 * and then finds the slice; `claimed_to` moves under the batch's row lock, which alone makes a send at most once.
 *
 * Crash before the commit: nothing was claimed. After: the slice stands, and whoever owns the shard next marks what has
 * no outcome as unknown.
 */
export async function claim(tx: Tx, deps: EventDeps, request: ClaimRequest): Promise<Claim> {
  if (!(await holdLease(tx, request))) return { kind: 'lost' };
  const batch = maybe(await lockBatch(tx, [request.org, request.batchId]));
  if (!batch || batch.isCancelled || batch.claimedTo >= batch.size) return { kind: 'closed' };
  if (batch.expiresInMs <= 0) {
    await expireRest(tx, deps, request);
    return { kind: 'closed' };
  }
  if (batch.readyInMs > 0) return { kind: 'wait', ms: batch.readyInMs };
  const { busyMs } = single(await lockSender(tx, [request.org, batch.channelId]));
  if (busyMs > PACE_TOLERANCE_MS) return { kind: 'wait', ms: busyMs };

  const next = await readMessages(tx, [
    ...[request.org, request.batchId, batch.claimedTo, SLICE_MESSAGES_MAX],
    ...[batch.firstId, batch.lastId],
  ]);
  const passed = withinBudget(next, request.segmentsPerSecond * SLICE_SECONDS);
  const hi = passed.at(-1)?.position;
  if (hi === undefined) throw new Error(`batch ${request.batchId} has positions without messages`);
  await moveClaim(tx, [request.org, request.batchId, hi]);
  const messages = passed.filter(({ isProven }) => !isProven);
  if (messages.length === 0) return { kind: 'wait', ms: 0 };
  const seconds = messages.reduce((sum, message) => sum + message.segments, 0) / request.segmentsPerSecond;
  await payFor(tx, [request.org, batch.channelId, seconds]);
  const lo = batch.claimedTo + 1;
  await insertSlice(tx, [
    ...[request.shard, request.org, request.batchId, lo, hi, request.epoch],
    SEND_WINDOW_MS / 1000,
  ]);
  const { channelId, channelAccountId, expiresInMs, traceparent } = batch;
  return {
    kind: 'claimed',
    slice: {
      ...{ org: request.org, batchId: request.batchId, lo, hi },
      ...{ channelId, channelAccountId, expiresInMs, traceparent, messages },
    },
    isLast: hi === batch.size,
    nextInMs: busyMs + seconds * 1000,
  };
}

/** A message of the batch; one that the provider proves to have already is passed, and not sent. */
type NextMessage = ClaimedMessage & { isProven: boolean };

/** As many messages from the front as the budget of segments allows, and at least one. */
function withinBudget(messages: readonly NextMessage[], segmentsMax: number): NextMessage[] {
  let segments = 0;
  const past = messages.findIndex((message, index) => {
    segments += message.segments;
    return index > 0 && segments > segmentsMax;
  });
  return past === -1 ? [...messages] : messages.slice(0, past);
}

interface BatchRow {
  size: number;
  claimedTo: number;
  isCancelled: boolean;
  expiresInMs: number;
  readyInMs: number;
  channelId: string;
  channelAccountId: string;
  firstId: string;
  lastId: string;
  traceparent: string | null;
}

const lockBatch = sql.prepared<BatchRow>(
  'batch_lock',
  `select size, claimed_to as "claimedTo", cancelled_at is not null as "isCancelled",
          (extract(epoch from expires_at - ledger_now()) * 1000)::float8 as "expiresInMs",
          ceil(extract(epoch from ready_at - ledger_now()) * 1000)::float8 as "readyInMs",
          channel_id as "channelId", channel_account_id as "channelAccountId",
          first_id as "firstId", last_id as "lastId", traceparent
     from batch
    where org_id = $1 and id = $2
      for update`,
);

/** Locks the sender's row, which makes two batches of one sender take turns. */
const lockSender = sql.prepared<{ busyMs: number }>(
  'sender_lock',
  `insert into sender (org_id, channel_id, paid_until)
   values ($1, $2, clock_timestamp())
   on conflict (org_id, channel_id) do update set paid_until = greatest(sender.paid_until, clock_timestamp())
   returning greatest(0, extract(epoch from paid_until - clock_timestamp()) * 1000)::float8 as "busyMs"`,
);

const payFor = sql.prepared(
  'sender_pay',
  `update sender
      set paid_until = greatest(paid_until, clock_timestamp()) + make_interval(secs => $3)
    where org_id = $1 and channel_id = $2`,
);

const readMessages = sql.prepared<NextMessage>(
  'claim_read',
  `select m.id, m.position, m.attempt, m.segments, m.rank is not null or m.best > 0 as "isProven",
          body.to_address as "toAddress", body.body
     from message m
     join message_body body on body.org_id = m.org_id and body.id = m.id and body.id between $5 and $6
    where m.org_id = $1 and m.batch_id = $2 and m.position > $3 and m.position <= $3::int + $4::int
      and m.id between $5 and $6
    order by m.position`,
);

const moveClaim = sql.prepared(
  'batch_claim',
  'update batch set claimed_to = $3 where org_id = $1 and id = $2 and claimed_to < $3',
);

const insertSlice = sql.prepared(
  'slice_insert',
  `insert into slice (shard, org_id, batch_id, lo, hi, epoch, claimed_at, send_before)
   values ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp() + make_interval(secs => $7))`,
);
