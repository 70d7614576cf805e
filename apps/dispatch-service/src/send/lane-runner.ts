import { failpoint } from '@herald/failpoints';
import type { Database } from '@herald/postgres';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventDeps } from '../events';
import { claim, CLAIM_BATCHES_MAX, type Claim, type ClaimedSlice, type ClaimRequest } from './claim';
import { LANE_BATCHES_MAX, type Lane, type WaitingBatch } from './lanes';
import type { Lease } from './lease';
import type { Leases } from './leases';
import { makePlaces, type Places } from './places';
import type { Recorder } from './recorder';
import { sendSlice, type SliceContext, type SliceDeps } from './send-slice';
import type { Sender, Senders } from './senders';
import { laneBatches } from './sweep';

/** Claims under way at once: each takes a connection of the worker's pool. */
const CLAIMS_MAX = 3;
/** A claim takes so many messages at most, of all batches together. */
const CLAIM_MESSAGES_MAX = 400;
/** Requests under way at once to one account of a provider. */
const REQUESTS_PER_ACCOUNT_MAX = 32;
/** A lane that cannot go on looks again after this time, unless something happens before. */
const LOOK_AGAIN_MS = 5_000;
/** A lane whose claim failed tries the next batch after this time. */
const FAILED_PAUSE_MS = 500;
/** The recorder has no room while the database is away or slow. */
const NO_ROOM_PAUSE_MS = 100;

/** What runners of lanes work with. */
export interface RunnerDeps extends EventDeps, Omit<SliceDeps, 'enter' | 'credentialsRefused'> {
  database: Database;
  leases: Leases;
  senders: Senders;
  recorder: Recorder;
  onError(error: unknown): void;
  onClaimed(messages: number): void;
}

/** How long a lane waits. Only a wait for a batch's time ends when another batch comes, which may be ready before it. */
interface Wait {
  ms: number;
  isForReadiness?: boolean;
}

const AT_ONCE: Wait = { ms: 0 };

/** Runs lanes until they are empty, and knows the slices that are on their way. */
export interface LaneRunner {
  /**
   * Ends when the lane is empty, its shard is lost, or the stop came. `onEnd` is called in the same breath in which the
   * lane is found empty: a batch that is put in after that needs another runner.
   */
  run(lane: Lane, onEnd: () => void): Promise<void>;
  /** Resolves when all messages that were claimed have their outcome. */
  sent(): Promise<void>;
}

/**
 * A runner takes the batches of a lane in turn: look the sender up, wait for room in the recorder and in the account's
 * line, claim a slice, send it, and wait until the sender is free again. Slices of a lane follow each other without
 * waiting for the last answer: the pace stands in Postgres, and the places per account bound what is open. A batch
 * whose claim fails leaves the lane, so that it holds up nothing behind it; the sweeper brings it back.
 */
export function laneRunner(deps: RunnerDeps, stopping: AbortSignal): LaneRunner {
  const requests = makePlaces(REQUESTS_PER_ACCOUNT_MAX);
  const claimInTurn = claimsInTurn(deps, requests, stopping);
  const slices = new Set<Promise<void>>();
  const sliceDeps: SliceDeps = {
    ...deps,
    enter: (account) => requests.enter(account),
    credentialsRefused: (org) => deps.senders.drop(org),
  };

  const send = (slice: ClaimedSlice, context: SliceContext): Promise<void> => {
    deps.onClaimed(slice.messages.length);
    const sending = sendSlice(sliceDeps, slice, context)
      .catch(deps.onError)
      .finally(() => void slices.delete(sending));
    slices.add(sending);
    return sending;
  };
  const claimAndSend = async (lane: Lane, lease: Lease, sender: Sender): Promise<Wait> => {
    const batches = lane.ready(deps.monotonicMs(), CLAIM_BATCHES_MAX);
    const request = claimOf(batches, lease, sender);
    if (!request) return AT_ONCE;
    const answer = await claimInTurn(request, sender);
    if (!answer) return AT_ONCE;
    const { claimed, beganAtMs, release } = answer;
    if (claimed.kind === 'lost') release();
    if (claimed.kind === 'lost') return forget(lane);
    keepUp(lane, claimed, deps.monotonicMs());
    const mayStillSend = () => deps.leases.isGood(lease);
    const sending = claimed.slices.map((slice) => {
      const traceparent = traceOf(slice, batches);
      return send(slice, { sender, claimBeganAtMs: beganAtMs, mayStillSend, traceparent });
    });
    void Promise.all(sending).then(release);
    return { ms: claimed.nextInMs };
  };
  const step = async (lane: Lane, batch: WaitingBatch): Promise<Wait> => {
    const untilReadyMs = batch.readyAtMs - deps.monotonicMs();
    if (untilReadyMs > 0) return { ms: untilReadyMs, isForReadiness: true };
    const lease = deps.leases.of(lane.shard);
    if (!lease) return forget(lane);
    const state = await deps.senders.find(batch.org, batch.channelId);
    if (state.kind === 'unusable') return { ms: LOOK_AGAIN_MS };
    if (!deps.recorder.hasRoom()) return { ms: NO_ROOM_PAUSE_MS };
    return claimAndSend(lane, lease, state.sender);
  };

  return {
    run: async (lane, onEnd) => {
      while (!stopping.aborted) {
        if (lane.isShort()) await refill(lane, deps).catch(deps.onError);
        const batch = lane.first();
        if (!batch) break;
        try {
          await rest(lane, await step(lane, batch), stopping);
        } catch (error) {
          deps.onError(error);
          lane.remove(batch.id);
          await rest(lane, { ms: FAILED_PAUSE_MS }, stopping);
        }
      }
      onEnd();
    },
    sent: async () => {
      await Promise.all(slices);
    },
  };
}

/** Leaves a lane to the next owner of its shard. */
function forget(lane: Lane): Wait {
  lane.clear();
  return AT_ONCE;
}

/** Brings a lane its next page from Postgres, in which the cost of a backlog is. */
async function refill(lane: Lane, { database, monotonicMs }: RunnerDeps): Promise<void> {
  const found = await laneBatches(database, lane);
  const nowMs = monotonicMs();
  const batches = found.map(({ readyInMs, ...batch }) => ({ ...batch, readyAtMs: nowMs + readyInMs }));
  lane.fill(batches, batches.length < LANE_BATCHES_MAX);
}

/** The claim of all batches of a lane that are ready; undefined when none is. */
function claimOf(
  batches: readonly WaitingBatch[],
  lease: Lease,
  { segmentsPerSecond, caps }: Sender,
): ClaimRequest | undefined {
  const [first] = batches;
  if (!first) return undefined;
  const { org, channelId } = first;
  const batchIds = batches.map(({ id }) => id);
  return { ...lease, org, channelId, batchIds, segmentsPerSecond, caps, messagesMax: CLAIM_MESSAGES_MAX };
}

/** The trace of the record that announced a slice's batch, or else of the call that accepted it. */
function traceOf({ batchId, traceparent }: ClaimedSlice, batches: readonly WaitingBatch[]): string | undefined {
  return batches.find(({ id }) => id === batchId)?.traceparent ?? traceparent ?? undefined;
}

/** Takes from a lane what a claim found done, and puts off what it found too early. */
function keepUp(lane: Lane, { gone, later }: Extract<Claim, { kind: 'visited' }>, nowMs: number): void {
  for (const batchId of gone) lane.remove(batchId);
  for (const { batchId, ms } of later) lane.delay(batchId, nowMs + ms);
}

interface ClaimInTurn {
  claimed: Claim;
  /** A moment of the monotonic clock before the claim began. */
  beganAtMs: number;
  /** Lets the lease go: to be called when what was claimed under it is sent. */
  release: () => void;
}

/**
 * Claims one after the other, a few at once, when there is room in the account's line; undefined when the stop came
 * first, those whose turn was before took the room, or the lease is about to be handed over.
 */
function claimsInTurn(deps: RunnerDeps, requests: Places, stopping: AbortSignal) {
  const claims = makePlaces(CLAIMS_MAX);
  return async (request: ClaimRequest, { channelAccountId }: Sender): Promise<ClaimInTurn | undefined> => {
    await requests.room(channelAccountId);
    const leave = await claims.enter('');
    try {
      if (stopping.aborted || !requests.hasRoom(channelAccountId)) return undefined;
      if (deps.leases.of(request.shard)?.epoch !== request.epoch) return undefined;
      const release = deps.leases.use(request);
      try {
        const answer = await deps.database.worker(async (tx) => {
          const beganAtMs = deps.monotonicMs();
          return { claimed: await claim(tx, deps, request), beganAtMs, release };
        });
        await failpoint('dispatch.after_claim');
        return answer;
      } catch (error) {
        release();
        throw error;
      }
    } finally {
      leave();
    }
  };
}

/** Waits, until the stop at most. */
async function rest(lane: Lane, { ms, isForReadiness }: Wait, stopping: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  const put = new AbortController();
  if (isForReadiness) lane.onPut(() => put.abort());
  const signal = isForReadiness ? AbortSignal.any([put.signal, stopping]) : stopping;
  await pause(Math.min(ms, LOOK_AGAIN_MS), undefined, { signal }).catch(() => undefined);
}
