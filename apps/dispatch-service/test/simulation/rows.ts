import type { SendOutcome } from '@herald/channels';
import { merge, UNKNOWN_RANK, type Evidence, type Standing } from '../../src/evidence/merge';
import type { ClaimedMessage, ClaimedSlice } from '../../src/claim/claim';
import type { LeasedSlice, SliceKey } from '../../src/record/open-slices';

export interface BatchRow {
  org: string;
  id: string;
  channelId: string;
  channelAccountId: string;
  priority: number;
  shard: number;
  readyAtMs: number;
  expiresAtMs: number;
  claimedTo: number;
  messages: ClaimedMessage[];
}

export interface MessageRow extends Standing {
  id: string;
  batchId: string;
  position: number;
  segments: number;
  isExpired: boolean;
}

export interface SliceRow {
  slice: ClaimedSlice;
  shard: number;
  epoch: string;
  sendBeforeMs: number;
}

interface LeaseRow {
  owner: string;
  epoch: number;
  untilMs: number;
}

const LEASE_MS = 6_000;
const SEND_WINDOW_MS = 5_000;
const CLAIM_SECONDS = 2;
const CLAIM_AHEAD_MS = 250;
/** The longest request, and the grace for its answer. */
export const RECOVERY_MS = 20_000;

/** What a claim asks for. */
export interface Asked {
  shard: number;
  epoch: string;
  batchIds: readonly string[];
  segmentsPerSecond: number;
  messagesMax: number;
}

/** What a claim answers, as claim.ts does. */
export type Answered =
  | { kind: 'lost' }
  | {
      kind: 'visited';
      slices: ClaimedSlice[];
      gone: string[];
      later: { batchId: string; ms: number }[];
      nextInMs: number;
    };

/**
 * The rows of Postgres and the transactions on them, each of which happens at one moment. It follows claim.ts, lease.ts,
 * record-outcomes.ts and recover.ts, whose SQL the specs beside them hold to a real database; evidence is merged by the
 * code that the service merges with.
 */
export class Rows {
  readonly batches = new Map<string, BatchRow>();
  readonly messages = new Map<string, MessageRow>();
  readonly slices = new Map<string, SliceRow>();
  readonly #leases = new Map<number, LeaseRow>();
  readonly #paidUntilMs = new Map<string, number>();
  #batchIds = 0;

  constructor(private readonly nowMs: () => number) {}

  accept(
    batch: Omit<BatchRow, 'id' | 'claimedTo' | 'messages'>,
    messages: readonly { id: string; segments: number }[],
  ) {
    return this.#insertBatch(
      batch,
      messages.map(({ id, segments }) => ({ id, segments, attempt: 1 })),
    );
  }

  takeLease(shard: number, owner: string): string | undefined {
    const lease = this.#leases.get(shard);
    if (lease && lease.untilMs >= this.nowMs()) return undefined;
    const epoch = (lease?.epoch ?? 0) + 1;
    this.#leases.set(shard, { owner, epoch, untilMs: this.nowMs() + LEASE_MS });
    return String(epoch);
  }

  renewLease(shard: number, epoch: string): boolean {
    const isHeld = this.holds(shard, epoch);
    const lease = this.#leases.get(shard);
    if (isHeld && lease) lease.untilMs = this.nowMs() + LEASE_MS;
    return isHeld;
  }

  releaseLease(shard: number, epoch: string): void {
    const lease = this.#leases.get(shard);
    if (lease && String(lease.epoch) === epoch) lease.untilMs = this.nowMs() - 1;
  }

  holds(shard: number, epoch: string): boolean {
    const lease = this.#leases.get(shard);
    return lease !== undefined && String(lease.epoch) === epoch && lease.untilMs > this.nowMs();
  }

  open(shard: number): BatchRow[] {
    const isOpen = (batch: BatchRow) => batch.shard === shard && batch.claimedTo < batch.messages.length;
    return [...this.batches.values()].filter((batch) => isOpen(batch) && batch.expiresAtMs > this.nowMs());
  }

  /** Ends what waited longer than it is valid, whatever holds it up. */
  expireOverdue(shard: number): void {
    for (const batch of this.batches.values()) {
      const isOpen = batch.shard === shard && batch.claimedTo < batch.messages.length;
      if (isOpen && batch.expiresAtMs <= this.nowMs()) this.#expire(batch);
    }
  }

  claim(asked: Asked): Answered {
    const { shard, epoch, batchIds, segmentsPerSecond, messagesMax } = asked;
    if (!this.holds(shard, epoch)) return { kind: 'lost' };
    const { visited, open } = this.#visit(batchIds);
    const [first] = open;
    if (!first) return visited;
    const sender = `${first.org}/${first.channelId}`;
    const busyMs = Math.max(0, (this.#paidUntilMs.get(sender) ?? 0) - this.nowMs());
    if (busyMs > CLAIM_AHEAD_MS) return { ...visited, nextInMs: busyMs - CLAIM_AHEAD_MS };

    const left = { segments: segmentsPerSecond * CLAIM_SECONDS, messages: messagesMax };
    let segments = 0;
    for (const batch of open) {
      const startsInMs = busyMs + (segments / segmentsPerSecond) * 1000;
      const lo = batch.claimedTo + 1;
      segments += passPositions(batch, left, segments === 0);
      if (batch.claimedTo >= lo) visited.slices.push(this.#slice(batch, { lo, startsInMs, shard, epoch }));
      if (batch.claimedTo === batch.messages.length) visited.gone.push(batch.id);
    }
    const paidMs = busyMs + (segments / segmentsPerSecond) * 1000;
    this.#paidUntilMs.set(sender, this.nowMs() + paidMs);
    const slices = visited.slices.filter((slice) => slice.messages.length > 0);
    return { ...visited, slices, nextInMs: Math.max(0, paidMs - CLAIM_AHEAD_MS) };
  }

  /** Writes outcomes whoever owns the shard by now, and deletes the slices that are complete with them. */
  record(
    outcomes: readonly { slice: ClaimedSlice; message: ClaimedMessage; outcome: SendOutcome }[],
    complete: readonly ClaimedSlice[],
  ): void {
    for (const { slice, message, outcome } of outcomes) {
      if (outcome.kind === 'not_sent') this.#newTurn(slice, message, outcome.retryAfterMs);
      else this.evidence(message.id, evidenceOf(outcome, message.attempt));
    }
    for (const slice of complete) this.slices.delete(keyOf(slice));
  }

  evidence(messageId: string, evidence: Evidence): void {
    const message = this.messages.get(messageId);
    const merged = message && merge(message, evidence);
    if (message && merged) Object.assign(message, merged);
  }

  /** How many messages of some slices have no outcome. */
  openPositions(isMeant: (row: SliceRow) => boolean): number {
    const mine = [...this.slices.values()].filter(isMeant);
    const ids = mine.flatMap(({ slice }) => slice.messages.map(({ id }) => id));
    return ids.filter((id) => this.messages.get(id)?.rank === null).length;
  }

  /** The slices of a shard that nobody will complete any more. */
  left(shard: number): SliceRow[] {
    const isLeft = ({ sendBeforeMs }: SliceRow) => sendBeforeMs + RECOVERY_MS < this.nowMs();
    return [...this.slices.values()].filter((row) => row.shard === shard && isLeft(row));
  }

  /** Ends a slice that was left: nobody knows what became of it. */
  makeUnknown({ slice }: SliceRow): void {
    for (const { id } of slice.messages) {
      const row = this.messages.get(id);
      if (row?.batchId !== slice.batchId || row.rank !== null || row.isExpired) continue;
      this.evidence(id, { ...NOTHING, attempt: row.attempt, rank: UNKNOWN_RANK, reason: 'OWNER_DIED' });
    }
    this.slices.delete(keyOf(slice));
  }

  /** Gives what a claim took and nobody began a new turn, once it can leave no more; returns whether there was something. */
  giveBack(doubted: LeasedSlice): boolean {
    const row = this.slices.get(keyOf(doubted));
    const isIts = row?.epoch === doubted.epoch && row.shard === doubted.shard;
    if (!isIts || row.sendBeforeMs >= this.nowMs()) return false;
    const { slice } = row;
    for (const message of slice.messages) this.#newTurn(slice, message, 1_000);
    this.slices.delete(keyOf(slice));
    return true;
  }

  /** Tells the batches that can be claimed from those that there is nothing more to claim of, and those that are for later. */
  #visit(batchIds: readonly string[]) {
    const visited: Visited = { kind: 'visited', slices: [], gone: [], later: [], nextInMs: 0 };
    const open: BatchRow[] = [];
    for (const batchId of batchIds) {
      const batch = this.batches.get(batchId);
      if (!batch || batch.claimedTo >= batch.messages.length) visited.gone.push(batchId);
      else if (batch.expiresAtMs <= this.nowMs()) visited.gone.push(this.#expire(batch));
      else if (batch.readyAtMs > this.nowMs()) visited.later.push({ batchId, ms: batch.readyAtMs - this.nowMs() });
      else open.push(batch);
    }
    return { visited, open };
  }

  #slice(
    batch: BatchRow,
    { lo, startsInMs, shard, epoch }: { lo: number; startsInMs: number; shard: number; epoch: string },
  ): ClaimedSlice {
    const { org, id: batchId, channelId, channelAccountId, claimedTo: hi } = batch;
    const expiresInMs = batch.expiresAtMs - this.nowMs();
    const isOpen = ({ id }: ClaimedMessage) => this.messages.get(id)?.rank === null;
    const messages = batch.messages.slice(lo - 1, hi).filter(isOpen);
    const slice: ClaimedSlice = {
      ...{ org, batchId, lo, hi, channelId, channelAccountId, startsInMs, expiresInMs, traceparent: null, messages },
    };
    const sendBeforeMs = this.nowMs() + SEND_WINDOW_MS;
    if (messages.length > 0) this.slices.set(keyOf(slice), { slice, shard, epoch, sendBeforeMs });
    return slice;
  }

  #newTurn(slice: ClaimedSlice, message: ClaimedMessage, waitMs: number): void {
    const row = this.messages.get(message.id);
    const batch = this.batches.get(slice.batchId);
    const isOpen = row?.rank === null || row?.rank === UNKNOWN_RANK;
    if (!row || !batch || !isOpen || row.attempt !== message.attempt || row.batchId !== slice.batchId) return;
    const again = { id: row.id, segments: row.segments, attempt: row.attempt + 1 };
    this.#insertBatch({ ...batch, readyAtMs: this.nowMs() + waitMs }, [again]);
  }

  #expire(batch: BatchRow): string {
    for (const { id } of batch.messages.slice(batch.claimedTo)) {
      const message = this.messages.get(id);
      if (message?.rank === null) message.isExpired = true;
    }
    batch.claimedTo = batch.messages.length;
    return batch.id;
  }

  #insertBatch(
    batch: Omit<BatchRow, 'id' | 'claimedTo' | 'messages'>,
    messages: readonly { id: string; segments: number; attempt: number }[],
  ): BatchRow {
    this.#batchIds += 1;
    const batchId = `batch-${this.#batchIds}`;
    const placed = messages.map((message, index) => ({
      ...{ ...message, position: index + 1, toAddress: '', body: '' },
    }));
    for (const { id, attempt, segments, position } of placed) {
      this.messages.set(id, {
        ...NOTHING,
        id,
        batchId,
        position,
        segments,
        attempt,
        rank: null,
        best: 0,
        isExpired: false,
      });
    }
    const row = { ...batch, id: batchId, claimedTo: 0, messages: placed };
    this.batches.set(batchId, row);
    return row;
  }
}

type Visited = Extract<Answered, { kind: 'visited' }>;

/** Moves a batch's watermark as far as what is left allows, one message at least if it is the first; returns the segments. */
function passPositions(batch: BatchRow, left: { segments: number; messages: number }, isFirst: boolean): number {
  let segments = 0;
  for (const message of batch.messages.slice(batch.claimedTo)) {
    const isWithin = message.segments <= left.segments || (isFirst && segments === 0);
    if (!isWithin) left.messages = 0;
    if (left.messages === 0) break;
    left.messages -= 1;
    left.segments -= message.segments;
    segments += message.segments;
    batch.claimedTo = message.position;
  }
  return segments;
}

const NOTHING = { reason: null, providerCode: null, providerId: null };

function keyOf({ batchId, lo }: SliceKey): string {
  return `${batchId}/${lo}`;
}

function evidenceOf(outcome: Exclude<SendOutcome, { kind: 'not_sent' }>, attempt: number): Evidence {
  if (outcome.kind === 'accepted') return { ...NOTHING, attempt, rank: outcome.rank, providerId: outcome.providerId };
  return { ...NOTHING, attempt, rank: outcome.kind === 'refused' ? 60 : UNKNOWN_RANK, reason: outcome.reason };
}
