import { sql, type Tx } from '@herald/postgres';
import { BATCH_IS_HELD } from '../control/hold-store';
import type { EventDeps } from '../events';
import { payAccount, segmentsOfClaim, turnAtAccount, type AccountCaps } from './account-caps';
import { expireRest } from './expire';
import { holdLease, type Lease } from '../own/lease';
import { busySequences } from './sequence';

/** A slice holds at most so many messages: what a death leaves unknown of a batch is this and no more. */
const SLICE_MESSAGES_MAX = 100;
/** A claim takes from so many batches at most: what a fast sender has may come one message a batch. */
export const CLAIM_BATCHES_MAX = 50;
/** What a sender may send in this time is claimed at once. */
const CLAIM_SECONDS = 2;
/** Nothing of a slice goes to a socket later than this after its claim began. */
export const SEND_WINDOW_MS = 5_000;
/** The next claim may come so long before the turn of its first message, so that slices follow each other without a gap. */
const CLAIM_AHEAD_MS = 250;

/** What a claim needs to know beforehand. */
export interface ClaimRequest extends Lease {
  org: string;
  channelId: string;
  /** The batches to claim from, all of this sender, in the order in which they are to be sent. */
  batchIds: readonly string[];
  /** The pace of the sender. */
  segmentsPerSecond: number;
  /** The limits of its account, if it has any. */
  caps?: AccountCaps | undefined;
  /** How many messages to claim at most, of all batches together. */
  messagesMax: number;
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
  /** When the turn of its first message is, from the claim on: the sender may still be busy with what was claimed before. */
  startsInMs: number;
  /** How long its messages are valid from the claim on, by the database's clock. */
  expiresInMs: number;
  traceparent: string | null;
  messages: ClaimedMessage[];
}

/** What came of a claim. */
export type Claim =
  | {
      kind: 'visited';
      slices: ClaimedSlice[];
      /**
       * Batches that leave their lane: claimed to their end, cancelled, expired, not there, or held. The sweeper leaves
       * out what is held, and brings it when the hold is released.
       */
      gone: string[];
      /** Batches that may be claimed in so many milliseconds. */
      later: { batchId: string; ms: number }[];
      /** When the sender may be claimed for again. */
      nextInMs: number;
    }
  /** Another instance owns the shard, or the lease ran out. */
  | { kind: 'lost' };

/**
 * Claims the next messages of a sender's batches, in one transaction. The lease row is locked for share, so that a
 * take-over waits and then finds the slices; `claimed_to` moves under the batch's row lock, which alone makes a send at
 * most once. Batches are locked before the sender, and in the order of their ids, here and wherever several are; the
 * account is locked last.
 *
 * Crash before the commit: nothing was claimed. After: the slices stand, and whoever owns the shard next marks what has
 * no outcome as unknown.
 */
export async function claim(tx: Tx, deps: EventDeps, request: ClaimRequest): Promise<Claim> {
  if (!(await holdLease(tx, request))) return { kind: 'lost' };
  const budget = segmentsOfClaim(request, CLAIM_SECONDS);
  // A message has a segment at least, and a batch a message.
  const messagesMax = Math.max(1, Math.floor(Math.min(request.messagesMax, budget)));
  const batchIds = request.batchIds.slice(0, Math.min(CLAIM_BATCHES_MAX, messagesMax));
  const sorted = sortOut(batchIds, await lockBatches(tx, [request.org, batchIds]));
  const { open, later } = await inSequence(tx, request.org, sorted);
  const { gone } = sorted;
  for (const { batchId, expiresInMs } of gone) {
    if (expiresInMs <= 0) await expireRest(tx, deps, { org: request.org, batchId });
  }
  const visited = {
    kind: 'visited' as const,
    slices: [],
    gone: gone.map(({ batchId }) => batchId),
    later,
    nextInMs: 0,
  };
  if (open.length === 0) return visited;
  const busyMs = await lockSender(tx, request);
  if (busyMs > CLAIM_AHEAD_MS) return { ...visited, nextInMs: busyMs - CLAIM_AHEAD_MS };

  const turn = await turnAtAccount(tx, request, busyMs);
  if (turn.kind === 'wait') return { ...visited, nextInMs: turn.ms };

  const { startsInMs } = turn;
  const most = Math.min(messagesMax, turn.messagesMax);
  const parts = await nextParts(tx, request.org, { open, budget, messagesMax: most });
  const messages = parts.flatMap((part) => part.messages);
  const segments = sum(messages.map((message) => message.segments));
  await handOut(tx, request, { parts, startsInMs, seconds: segments / request.segmentsPerSecond });
  await payAccount(tx, request, { startsInMs, segments, messages: messages.length });
  const finished = parts.filter(({ batch, hi }) => hi === batch.size).map(({ batch }) => batch.batchId);
  return {
    ...visited,
    slices: asSlices(request, { parts, startsInMs }),
    gone: [...visited.gone, ...finished],
    nextInMs:
      segments === 0 ? 0 : Math.max(0, startsInMs + (segments / request.segmentsPerSecond) * 1000 - CLAIM_AHEAD_MS),
  };
}

interface BatchRow {
  batchId: string;
  size: number;
  claimedTo: number;
  isCancelled: boolean;
  isHeld: boolean;
  isSequenced: boolean;
  expiresInMs: number;
  readyInMs: number;
  channelAccountId: string;
  firstId: string;
  lastId: string;
  traceparent: string | null;
}

/** Tells the batches that can be claimed from those that there is nothing more to claim of, and those that are for later. */
function sortOut(batchIds: readonly string[], rows: readonly BatchRow[]) {
  const byId = new Map(rows.map((row) => [row.batchId, row]));
  const open: BatchRow[] = [];
  const gone: { batchId: string; expiresInMs: number }[] = [];
  const later: { batchId: string; ms: number }[] = [];
  for (const batchId of batchIds) {
    const batch = byId.get(batchId);
    if (!batch || batch.isCancelled || batch.claimedTo >= batch.size) gone.push({ batchId, expiresInMs: Infinity });
    else if (batch.isHeld || batch.expiresInMs <= 0) gone.push(batch);
    else if (batch.readyInMs > 0) later.push({ batchId, ms: batch.readyInMs });
    else open.push(batch);
  }
  return { open, gone, later };
}

/** Puts off the replies whose turn in their conversation has not come. What has no place in a sequence costs no look-up. */
async function inSequence(
  tx: Tx,
  org: string,
  { open, later }: { open: readonly BatchRow[]; later: readonly { batchId: string; ms: number }[] },
) {
  const sequenced = open.filter(({ isSequenced }) => isSequenced).map(({ batchId }) => batchId);
  const busyMs = await busySequences(tx, org, sequenced);
  return {
    open: open.filter(({ batchId }) => !busyMs.has(batchId)),
    later: [...later, ...[...busyMs].map(([batchId, ms]) => ({ batchId, ms }))],
  };
}

/** What is claimed of a batch: its positions up to `hi`, and those of their messages that are to be sent. */
interface Part {
  batch: BatchRow;
  hi: number;
  messages: NextMessage[];
}

/** A message of a batch; one that the provider proves to have already is passed, and not sent. */
type NextMessage = ClaimedMessage & { batchId: string; isProven: boolean };

/** The next messages in the order of their batches, as many as the budget of segments allows, and at least one. */
async function nextParts(
  tx: Tx,
  org: string,
  { open, budget, messagesMax }: { open: readonly BatchRow[]; budget: number; messagesMax: number },
): Promise<Part[]> {
  const next = await readMessages(tx, [
    ...[org, open.map(({ batchId }) => batchId), open.map(({ claimedTo }) => claimedTo)],
    ...[open.map(({ firstId }) => firstId), open.map(({ lastId }) => lastId)],
    ...[SLICE_MESSAGES_MAX, messagesMax],
  ]);
  const passed = Map.groupBy(withinBudget(next, budget), ({ batchId }) => batchId);
  return open.flatMap((batch) => {
    const messages = passed.get(batch.batchId);
    const hi = messages?.at(-1)?.position;
    if (messages && hi !== undefined) return [{ batch, hi, messages: messages.filter(({ isProven }) => !isProven) }];
    if (passed.size > 0 && batch !== open[0]) return [];
    throw new Error(`batch ${batch.batchId} has positions without messages`);
  });
}

function withinBudget(messages: readonly NextMessage[], segmentsMax: number): NextMessage[] {
  let segments = 0;
  const past = messages.findIndex((message, index) => {
    segments += message.segments;
    return index > 0 && segments > segmentsMax;
  });
  return past === -1 ? [...messages] : messages.slice(0, past);
}

/** Writes down that the parts are claimed and paid for. */
async function handOut(
  tx: Tx,
  { org, channelId, shard, epoch }: ClaimRequest,
  { parts, startsInMs, seconds }: { parts: readonly Part[]; startsInMs: number; seconds: number },
): Promise<void> {
  await moveClaims(tx, [org, parts.map(({ batch }) => batch.batchId), parts.map(({ hi }) => hi)]);
  const sent = parts.filter(({ messages }) => messages.length > 0);
  if (sent.length === 0) return;
  await payAndSlice(tx, [
    ...[org, channelId, startsInMs / 1000, seconds, shard, epoch, SEND_WINDOW_MS / 1000],
    ...[sent.map(({ batch }) => batch.batchId), sent.map(({ batch }) => batch.claimedTo + 1), sent.map(({ hi }) => hi)],
  ]);
}

function asSlices(
  { org, channelId, segmentsPerSecond }: ClaimRequest,
  { parts, startsInMs: firstStartsInMs }: { parts: readonly Part[]; startsInMs: number },
): ClaimedSlice[] {
  let startsInMs = firstStartsInMs;
  return parts.flatMap(({ batch, hi, messages }) => {
    if (messages.length === 0) return [];
    const { batchId, claimedTo, channelAccountId, expiresInMs, traceparent } = batch;
    const slice = { org, batchId, lo: claimedTo + 1, hi, channelId, channelAccountId, expiresInMs, traceparent };
    const starts = startsInMs;
    startsInMs += (sum(messages.map((message) => message.segments)) / segmentsPerSecond) * 1000;
    return [{ ...slice, startsInMs: starts, messages }];
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

const lockBatches = sql.prepared<BatchRow>(
  'batch_lock',
  `select id as "batchId", size, claimed_to as "claimedTo", cancelled_at is not null as "isCancelled",
          (extract(epoch from expires_at - ledger_now()) * 1000)::float8 as "expiresInMs",
          ceil(extract(epoch from ready_at - ledger_now()) * 1000)::float8 as "readyInMs",
          channel_account_id as "channelAccountId", first_id as "firstId", last_id as "lastId", traceparent,
          sequence_key is not null as "isSequenced",
          ${BATCH_IS_HELD} as "isHeld"
     from batch
    where org_id = $1 and id = any($2::uuid[])
    order by id
      for update`,
);

/** Locks the sender's row, which makes two claims of one sender take turns; returns for how long the sender is busy. */
async function lockSender(tx: Tx, { org, channelId }: ClaimRequest): Promise<number> {
  const [row] = await lockSenderRow(tx, [org, channelId]);
  return row?.busyMs ?? 0;
}

const lockSenderRow = sql.prepared<{ busyMs: number }>(
  'sender_lock',
  `insert into sender (org_id, channel_id, paid_until)
   values ($1, $2, clock_timestamp())
   on conflict (org_id, channel_id) do update set paid_until = greatest(sender.paid_until, clock_timestamp())
   returning greatest(0, extract(epoch from paid_until - clock_timestamp()) * 1000)::float8 as "busyMs"`,
);

// One batch after the other, each by its own bounds of ids, so that a look-up touches one or two partitions.
const readMessages = sql.prepared<NextMessage>(
  'claim_read',
  `select batch.id as "batchId", next.*
     from unnest($2::uuid[], $3::int[], $4::uuid[], $5::uuid[]) with ordinality
          as batch (id, claimed_to, first_id, last_id, place)
    cross join lateral (
           select m.id, m.position, m.attempt, m.segments, m.rank is not null or m.best > 0 as "isProven",
                  body.to_address as "toAddress", body.body
             from message m
             join message_body body
               on body.org_id = m.org_id and body.id = m.id and body.id between batch.first_id and batch.last_id
            where m.org_id = $1 and m.batch_id = batch.id
              and m.position > batch.claimed_to and m.position <= batch.claimed_to + $6::int
              and m.id between batch.first_id and batch.last_id
            order by m.position
            limit $7) as next
    order by batch.place, next.position
    limit $7`,
);

// A quarter of an hour after its first claim somebody looks after the batch: reliability.md, the delivery poller.
const moveClaims = sql.prepared(
  'batch_claim',
  `update batch
      set claimed_to = claimed.hi, check_at = coalesce(batch.check_at, ledger_now() + interval '15 minutes')
     from unnest($2::uuid[], $3::int[]) as claimed (batch_id, hi)
    where batch.org_id = $1 and batch.id = claimed.batch_id and batch.claimed_to < claimed.hi`,
);

const payAndSlice = sql.prepared(
  'slice_insert',
  `with paid as (
     update sender
        set paid_until = greatest(paid_until, clock_timestamp(), now() + make_interval(secs => $3))
                         + make_interval(secs => $4)
      where org_id = $1 and channel_id = $2)
   insert into slice (shard, org_id, batch_id, lo, hi, epoch, claimed_at, send_before)
   select $5, $1, part.batch_id, part.lo, part.hi, $6, clock_timestamp(), clock_timestamp() + make_interval(secs => $7)
     from unnest($8::uuid[], $9::int[], $10::int[]) as part (batch_id, lo, hi)`,
);
