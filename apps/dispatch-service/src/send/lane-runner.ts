import { failpoint } from '@herald/failpoints';
import type { Database } from '@herald/postgres';
import type { EventDeps } from '../events';
import type { Breakers, Guarded } from './breakers';
import { chooseBatches, settleShare, type Choice } from '../lanes/choose';
import { claim, CLAIM_BATCHES_MAX, type Claim, type ClaimedSlice, type ClaimRequest } from '../claim/claim';
import { departuresOfSenders, type Departures } from './departures';
import { LANE_BATCHES_MAX, type Lane, type WaitingBatch } from '../lanes/lanes';
import type { Lease } from '../own/lease';
import type { Leases } from '../own/leases';
import { makePlaces } from './places';
import { makeReplyShare, type ReplyShare } from '../lanes/reply-share';
import type { Recorder } from '../record/recorder';
import { sendSlice, type SliceContext, type SliceDeps } from './send-slice';
import type { Sender, Senders } from './senders';
import { laneBatches } from '../lanes/sweep';
import { makeTurns } from '../lanes/turns';

/** A lane that cannot go on looks again after this time, unless something happens before. */
const LOOK_AGAIN_MS = 5_000;
/** A lane whose claim failed tries the next batch after this time. */
const FAILED_PAUSE_MS = 500;
/** A sender that is behind with what was claimed claims no more before it is so far at most: as far as a claim is ahead. */
const BACKLOG_MS_MAX = 300;

/** What runners of lanes work with. */
export interface RunnerDeps extends EventDeps, Omit<SliceDeps, 'credentialsRefused'> {
  database: Database;
  leases: Leases;
  senders: Senders;
  recorder: Recorder;
  breakers: Breakers;
  /** Requests under way at once to one account of a provider, at most. */
  accountRequestsMax: number;
  onError(error: unknown): void;
  onClaimed(messages: number): void;
}

/** How long a lane waits, and what else ends its wait: `until` calls when it is over. */
interface Wait {
  ms: number;
  until?: (call: () => boolean) => void;
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

/** Makes a runner. It claims nothing more once `stopping` is aborted. */
export function laneRunner(deps: RunnerDeps, stopping: AbortSignal): LaneRunner {
  return new FairLaneRunner(deps, stopping);
}

/** A lane, and how it stands with its sender at one step. */
interface Step {
  lane: Lane;
  share: ReplyShare;
  lease: Lease;
  sender: Sender;
  guarded: Guarded;
  departures: Departures;
}

/**
 * A runner goes with each lane: look the sender up, see that it and its account are not left alone, wait until what it
 * claimed before has nearly left and there is room in the account's line, wait for its turn among all lanes, claim, have
 * the slices sent, and wait until the sender may claim again. Slices follow each other without waiting for the last
 * answer: the pace stands in Postgres, and the places per account bound what is open. A batch whose claim fails leaves
 * the lane, so that it holds up nothing behind it; the sweeper brings it back.
 */
class FairLaneRunner implements LaneRunner {
  readonly #deps: RunnerDeps;
  readonly #stopping: AbortSignal;
  readonly #places;
  readonly #turns;
  readonly #departures;
  readonly #sliceDeps: SliceDeps;
  readonly #slices = new Set<Promise<void>>();
  /** Ends the rest of each lane that rests. */
  readonly #resting = new Set<() => boolean>();

  constructor(deps: RunnerDeps, stopping: AbortSignal) {
    this.#deps = deps;
    this.#stopping = stopping;
    this.#places = makePlaces(deps.accountRequestsMax);
    this.#turns = makeTurns(() => deps.recorder.hasRoom(), stopping);
    this.#departures = departuresOfSenders(this.#places, () => deps.monotonicMs());
    stopping.addEventListener('abort', () => [...this.#resting].forEach((wake) => wake()), { once: true });
    this.#sliceDeps = { ...deps, credentialsRefused: (org) => deps.senders.drop(org) };
  }

  async run(lane: Lane, onEnd: () => void): Promise<void> {
    const share = makeReplyShare();
    while (!this.#stopping.aborted) {
      await this.#refill(lane);
      const batch = lane.first();
      if (!batch) break;
      try {
        await this.#rest(await this.#step(lane, share, batch));
      } catch (error) {
        this.#deps.onError(error);
        await this.#rest({ ms: FAILED_PAUSE_MS });
      }
    }
    onEnd();
  }

  async sent(): Promise<void> {
    await Promise.all(this.#slices);
  }

  async #step(lane: Lane, share: ReplyShare, batch: WaitingBatch): Promise<Wait> {
    const { leases, senders, monotonicMs } = this.#deps;
    const untilReadyMs = batch.readyAtMs - monotonicMs();
    if (untilReadyMs > 0) return { ms: untilReadyMs, until: (call) => lane.onPut(call) };
    const lease = leases.of(lane.shard);
    if (!lease) return forget(lane);
    const state = await senders.find(lane.org, lane.channelId);
    if (state.kind === 'unusable') return { ms: LOOK_AGAIN_MS };
    const { sender } = state;
    const { channelAccountId, segmentsPerSecond } = sender;
    const guarded = { org: lane.org, shard: lane.shard, channelAccountId, channelId: lane.channelId };
    const { departures, end } = this.#departures.use(`${lane.org}/${lane.channelId}`, segmentsPerSecond);
    try {
      const step = { lane, share, lease, sender, guarded, departures };
      return this.#obstacle(step) ?? (await this.#claimInTurn(step));
    } finally {
      end();
    }
  }

  /** What keeps a lane from asking for its turn. */
  #obstacle({ lane, share, sender, guarded, departures }: Step): Wait | undefined {
    const { breakers, monotonicMs } = this.#deps;
    const permission = breakers.permission(guarded);
    if (permission.kind === 'open') return { ms: permission.untilMs - monotonicMs() };
    const backlogMs = departures.backlogMs() - BACKLOG_MS_MAX;
    if (backlogMs > 0) return { ms: backlogMs };
    if (this.#choose(lane, share, { sender, departures }).choice) return undefined;
    const until = departures.hasRoom()
      ? (call: () => boolean) => this.#places.onRoom(sender.channelAccountId, call)
      : (call: () => boolean) => departures.onRoom(call);
    return { ms: LOOK_AGAIN_MS, until: (call) => [lane.onPut.bind(lane), until].forEach((wake) => wake(call)) };
  }

  #choose(lane: Lane, share: ReplyShare, { sender, departures }: Pick<Step, 'sender' | 'departures'>) {
    const hasRoom = departures.hasRoom() && this.#places.hasRoom(sender.channelAccountId);
    const ready = lane.ready(this.#deps.monotonicMs(), CLAIM_BATCHES_MAX);
    return { ready, choice: chooseBatches(ready, share, hasRoom) };
  }

  /** Waits for the lane's turn, and claims if nothing that happened meanwhile speaks against it. */
  async #claimInTurn(step: Step): Promise<Wait> {
    const { lane, share, lease, guarded } = step;
    await this.#turns.take(lane);
    let messages = 0;
    try {
      const permission = this.#deps.breakers.permission(guarded);
      const { ready, choice } = this.#choose(lane, share, step);
      const isOurs = this.#deps.leases.of(lane.shard)?.epoch === lease.epoch;
      if (this.#stopping.aborted || !isOurs || permission.kind === 'open' || !choice) return AT_ONCE;
      const isProbe = permission.kind === 'probe';
      const claimed = await this.#claimAndSend(step, isProbe ? { ...choice, messagesMax: 1 } : choice, isProbe);
      if (claimed.kind === 'lost') return forget(lane);
      settleShare(ready, share, claimed.slices);
      messages = claimed.slices.reduce((sum, slice) => sum + slice.messages.length, 0);
      return { ms: claimed.nextInMs };
    } finally {
      this.#turns.end(lane, messages);
    }
  }

  async #claimAndSend(step: Step, { batches, messagesMax }: Choice, isProbe: boolean): Promise<Claim> {
    const { lane, lease, sender, guarded } = step;
    const { leases, monotonicMs, breakers } = this.#deps;
    const { segmentsPerSecond, caps } = sender;
    const { org, channelId } = lane;
    const batchIds = batches.map(({ id }) => id);
    const request = { ...lease, org, channelId, batchIds, segmentsPerSecond, caps, messagesMax };
    const releaseLease = leases.use(lease);
    const giveProbeBack = isProbe ? breakers.probe(guarded) : () => {};
    const release = () => {
      releaseLease();
      giveProbeBack();
    };
    try {
      const { claimed, slices, beganAtMs } = await this.#claim(request);
      if (claimed.kind === 'visited') keepUp(lane, claimed, monotonicMs());
      const context = { isProbe, claimBeganAtMs: beganAtMs, claimedAtMs: monotonicMs() };
      const sending = slices.map((slice) => this.#send(step, slice, { ...context, batches }));
      void Promise.all(sending).then(release);
      return claimed;
    } catch (error) {
      release();
      lane.remove(batchIds[0] ?? '');
      throw error;
    }
  }

  /** Claims in one transaction. Nobody begins what it took if its commit is not answered: that is in doubt then. */
  async #claim(request: ClaimRequest): Promise<{ claimed: Claim; slices: readonly ClaimedSlice[]; beganAtMs: number }> {
    const { database, recorder, monotonicMs } = this.#deps;
    let slices: readonly ClaimedSlice[] = [];
    try {
      const answer = await database.worker(async (tx) => {
        slices = [];
        const beganAtMs = monotonicMs();
        const claimed = await claim(tx, this.#deps, request);
        if (claimed.kind === 'visited') ({ slices } = claimed);
        return { claimed, slices, beganAtMs };
      });
      await failpoint('dispatch.after_claim');
      return answer;
    } catch (error) {
      recorder.doubt(request, slices);
      throw error;
    }
  }

  #send(
    { sender, lease, guarded }: Step,
    slice: ClaimedSlice,
    claim: { batches: readonly WaitingBatch[]; claimBeganAtMs: number; claimedAtMs: number; isProbe: boolean },
  ): Promise<void> {
    const { leases, breakers, onClaimed, onError } = this.#deps;
    const { claimBeganAtMs, claimedAtMs, isProbe } = claim;
    const batch = claim.batches.find(({ id }) => id === slice.batchId);
    const { departures, end } = this.#departures.use(`${slice.org}/${slice.channelId}`, sender.segmentsPerSecond);
    const context: SliceContext = {
      ...{ sender, claimBeganAtMs, isReply: (batch?.priority ?? 0) > 0 },
      // From the end of the claim on: its start would be too early by whatever it waited for before it locked the sender.
      startsAtMs: claimedAtMs + slice.startsInMs,
      traceparent: batch?.traceparent ?? slice.traceparent ?? undefined,
      mayStillSend: () => leases.isGood(lease),
      turn: (message) => departures.turn(message),
      refusal: () => (isProbe ? undefined : breakers.refusal(guarded)),
      ended: (outcome) => breakers.ended(guarded, outcome, isProbe),
    };
    onClaimed(slice.messages.length);
    const sending = sendSlice(this.#sliceDeps, slice, context)
      .catch(onError)
      .finally(() => {
        end();
        this.#slices.delete(sending);
      });
    this.#slices.add(sending);
    return sending;
  }

  /** Brings a lane its next page from Postgres, in which the cost of a backlog is. */
  async #refill(lane: Lane): Promise<void> {
    const { database, monotonicMs, onError } = this.#deps;
    for (const priority of lane.short()) {
      const { shard, org, channelId } = lane;
      const found = await laneBatches(database, { shard, org, channelId, priority }).catch(onError);
      if (!found) continue;
      const nowMs = monotonicMs();
      const batches = found.map(({ readyInMs, ...batch }) => ({ ...batch, readyAtMs: nowMs + readyInMs }));
      lane.fill(priority, batches, batches.length < LANE_BATCHES_MAX);
    }
  }

  /** Waits, until the stop at most. Lanes rest many times a second: a signal of its own for each rest would show in profiles. */
  async #rest({ ms, until }: Wait): Promise<void> {
    if (ms <= 0 || this.#stopping.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        const isFirst = this.#resting.delete(wake);
        clearTimeout(timer);
        resolve();
        return isFirst;
      };
      const timer = setTimeout(wake, Math.min(ms, LOOK_AGAIN_MS));
      this.#resting.add(wake);
      until?.(wake);
    });
  }
}

/** Leaves a lane to the next owner of its shard. */
function forget(lane: Lane): Wait {
  lane.clear();
  return AT_ONCE;
}

/** Takes from a lane what a claim found done, and puts off what it found too early. */
function keepUp(lane: Lane, { gone, later }: Extract<Claim, { kind: 'visited' }>, nowMs: number): void {
  for (const batchId of gone) lane.remove(batchId);
  for (const { batchId, ms } of later) lane.delay(batchId, nowMs + ms);
}
