import { repeat } from '../repeat';
import { breakerStore } from './breaker-store';
import { makeBreakers, type BreakerChange, type Breakers } from './breakers';
import { expireOverdue } from '../claim/expire';
import { laneRunner, type RunnerDeps } from './lane-runner';
import { makeLanes, type Lane } from '../lanes/lanes';
import { giveBack, recover } from '../record/recover';
import { AHEAD_MS, LANE_BATCHES_PER_SWEEP, openBatches, type OpenBatch } from '../lanes/sweep';

/** How often the sweeper looks for open batches, for overdue ones, and for slices that nobody completes. */
const SWEEP_EVERY_MS = 2_000;
const STOP_RECORDING_MS = 10_000;

/** What the dispatcher works with. */
export interface DispatcherDeps extends Omit<RunnerDeps, 'breakers'> {
  onUnknown(messages: number): void;
  onBreaker(change: BreakerChange): void;
}

/** Sends the batches of the shards that this instance owns. */
export interface Dispatcher {
  /**
   * Hears of a batch; it is sent when its turn comes. Forgetting it costs time, never a message: what is for later than
   * the next seconds is left to the sweeper, because it would keep out of its lane what is ready before.
   */
  announce(batch: OpenBatch): void;
  /** How many breakers of accounts and of senders are open. */
  openBreakers: Breakers['openCounts'];
  /** Claims nothing more, and resolves when all that was claimed has its outcome in the ledger. */
  stop(): Promise<void>;
}

/**
 * One runner per lane. Batches come from records, and from a sweeper that brings what no record announced: what was
 * lost, what did not fit, and after a start all that there is. A runner ends when its lane is empty or its lease is lost
 * (the new owner's sweeper finds the batches); a batch that is announced after that begins a new one.
 */
export function startDispatcher(deps: DispatcherDeps): Dispatcher {
  const lanes = makeLanes();
  const stopping = new AbortController();
  const store = breakerStore(deps);
  const breakers = makeBreakers(deps.monotonicMs, (change) => {
    store.write(change);
    deps.onBreaker(change);
  });
  const runner = laneRunner({ ...deps, breakers }, stopping.signal);
  const running = new Set<Promise<void>>();

  const announce = ({ readyInMs, ...batch }: OpenBatch): Lane | undefined => {
    if (stopping.signal.aborted || readyInMs > AHEAD_MS) return undefined;
    const added = lanes.add({ ...batch, readyAtMs: deps.monotonicMs() + readyInMs });
    if (!added?.isNew) return added?.lane;
    const run: Promise<void> = runner.run(added.lane, () => lanes.drop(added.lane)).finally(() => running.delete(run));
    running.add(run);
    return added.lane;
  };
  const sweep = async () => {
    const found = await openBatches(deps.database, deps.leases.shards());
    const added = found.map((batch) => ({ lane: announce(batch), priority: batch.priority }));
    for (const together of Map.groupBy(added, ({ lane }) => lane).values()) cutWhereFull(together);
  };
  const recovery = { ...deps, slices: deps.recorder };
  const recoverSlices = async () => {
    const unknown = await recover(recovery);
    if (unknown > 0) deps.onUnknown(unknown);
  };
  // What the last owner of a shard left is not to wait for the next round, nor what it left of one that is taken meanwhile.
  const untilTaken = () => {
    const taken = new AbortController();
    deps.leases.onTaken(() => taken.abort());
    return AbortSignal.any([taken.signal, stopping.signal]);
  };
  // Apart, so that what fails in one keeps nothing else from being done.
  const often = { everyMs: SWEEP_EVERY_MS, stopping: stopping.signal, onError: deps.onError };
  const loops = [
    repeat(sweep, { ...often, untilWoken: untilTaken }),
    repeat(() => expireOverdue(deps), often),
    repeat(() => giveBack(recovery), often),
    repeat(recoverSlices, often),
  ];

  return {
    announce: (batch) => void announce(batch),
    openBreakers: () => breakers.openCounts(),
    stop: async () => {
      stopping.abort();
      await Promise.all([...running, ...loops]);
      await runner.sent();
      const givenBack = giveBack(recovery, { isLast: true }).catch(deps.onError);
      await Promise.all([deps.recorder.stop(STOP_RECORDING_MS), store.stop(), givenBack]);
    },
  };
}

/** What a sweep put in a lane, as much as it brings of one priority: there may be more of it. */
function cutWhereFull(added: readonly { lane: Lane | undefined; priority: number }[]): void {
  for (const ofPriority of Map.groupBy(added, ({ priority }) => priority).values()) {
    const [{ lane, priority } = {}] = ofPriority;
    if (lane && priority !== undefined && ofPriority.length === LANE_BATCHES_PER_SWEEP) lane.cut(priority);
  }
}
