import type { SendOutcome } from '@herald/channels';
import { makeBreakers, type Breakers, type Guarded } from '../../src/send/breakers';
import { chooseBatches, settleShare, type Choice } from '../../src/lanes/choose';
import type { ClaimedMessage, ClaimedSlice } from '../../src/claim/claim';
import { makeLanes, type Lane, type Lanes } from '../../src/lanes/lanes';
import { makeOpenSlices, type OpenSlices } from '../../src/record/open-slices';
import { makePlaces, type Places } from '../../src/send/places';
import { fairQueue, type FairQueue } from '../../src/lanes/fair-queue';
import { makePace, turnsOf, type Pace } from '../../src/send/pace';
import { makeReplyShare, type ReplyShare } from '../../src/lanes/reply-share';
import { RECOVERY_MS, type Answered, type BatchRow, type Rows, type SliceRow } from './rows';
import type { Clockwork } from './clockwork';
import { CLAIM_MESSAGES_MAX, CLAIMS_MAX, QUANTUM } from './turn-watch';
import { LeaseHolder, type Lease } from './lease-holder';
import type { World } from './world';

const REQUESTS_MAX = 40;
const SEND_WINDOW_MS = 5_000;
const BACKLOG_MS_MAX = 300;
const BATCHES_MAX = 50;

interface LaneState {
  lane: Lane;
  share: ReplyShare;
  /** It waits for its turn or for its claim. */
  isBusy: boolean;
}

interface Departing {
  slice: ClaimedSlice;
  message: ClaimedMessage;
  turnMs: number;
  latestMs: number;
  lease: Lease;
  isProbe: boolean;
}

interface SenderState {
  pace: Pace;
  waiting: Departing[];
  /** Whether it comes back by itself. */
  isAwaited: boolean;
}

/** What a process has in memory, and loses when it dies. */
interface Memory {
  lanes: Lanes;
  states: Map<Lane, LaneState>;
  queue: FairQueue<Lane>;
  claims: number;
  places: Places;
  breakers: Breakers;
  senders: Map<string, SenderState>;
  open: OpenSlices;
  outcomes: { slice: ClaimedSlice; message: ClaimedMessage; outcome: SendOutcome }[];
  isFlushing: boolean;
}

/**
 * One process that sends, over virtual time. What decides is the service's own code; here stands only what moves it: the
 * order in which lane-runner.ts asks, and answers of the database that come late or never.
 */
export class Replica extends LeaseHolder {
  readonly #clock: Clockwork;
  readonly #rows: Rows;
  #memory: Memory;

  constructor(world: World, name: string) {
    super(world, name);
    this.#clock = world.clock;
    this.#rows = world.rows;
    this.#memory = this.#born();
    this.begin();
  }

  protected override forget(): void {
    const isMine = ({ shard, epoch }: SliceRow) => this.taken.has(`${shard}/${epoch}`);
    this.world.mayBecomeUnknown(this.#rows.openPositions(isMine));
    super.forget();
    this.#memory = this.#born();
  }

  /** Who stands still for so long comes too late to give back what it never began. */
  override standStill(ms: number): void {
    const isDoubted = ({ slice, shard, epoch }: SliceRow) => this.#memory.open.isDoubted({ ...slice, shard, epoch });
    if (ms > RECOVERY_MS) this.world.mayBecomeUnknown(this.#rows.openPositions(isDoubted));
    super.standStill(ms);
  }

  protected override begin(): void {
    super.begin();
    this.every(2_000, () => {
      this.#giveBack();
      this.#sweep();
    });
  }

  protected override onTaken(): void {
    this.#sweep();
  }

  /** Hears of a batch, as by a record. */
  announce(batch: BatchRow): void {
    this.later(this.world.chance.between(1, 20), () => this.#put(batch));
  }

  #born(): Memory {
    return {
      ...{ lanes: makeLanes(), states: new Map(), claims: 0 },
      queue: fairQueue<Lane>({ quantum: QUANTUM }),
      places: makePlaces(REQUESTS_MAX),
      breakers: makeBreakers(
        () => this.#clock.nowMs,
        () => {},
      ),
      ...{ senders: new Map(), open: makeOpenSlices(), outcomes: [], isFlushing: false },
    };
  }

  #sweep(): void {
    for (const shard of this.leases.keys()) {
      if (!this.leaseOf(shard)) continue;
      this.ask(
        () => this.#rows.open(shard),
        (batches) => batches.forEach((batch) => this.#put(batch)),
      );
      this.ask(() => this.#rows.expireOverdue(shard));
      this.ask(
        () => this.#rows.left(shard),
        (left) => left.forEach((row) => this.#recover(row)),
      );
    }
  }

  #recover(row: ReturnType<Rows['left']>[number]): void {
    const { open } = this.#memory;
    const { slice, shard, epoch } = row;
    if (open.holds(slice) || open.isDoubted({ ...slice, shard, epoch })) return;
    this.ask(() => this.#rows.makeUnknown(row));
  }

  #giveBack(): void {
    const { open } = this.#memory;
    for (const slice of open.doubted()) {
      this.ask(
        () => this.#rows.giveBack(slice),
        (isGivenBack) => {
          if (isGivenBack) open.forget(slice);
        },
      );
    }
  }

  #put({ org, id, channelId, priority, shard, readyAtMs }: BatchRow): void {
    const added = this.#memory.lanes.add({ org, id, channelId, priority, shard, readyAtMs, traceparent: undefined });
    if (!added?.isNew) return;
    const state = { lane: added.lane, share: makeReplyShare(), isBusy: false };
    this.#memory.states.set(added.lane, state);
    this.#step(state);
  }

  #wait(state: LaneState, ms: number): void {
    state.isBusy = true;
    this.later(Math.min(Math.max(ms, 1), 5_000), () => {
      state.isBusy = false;
      this.#step(state);
    });
  }

  #step(state: LaneState): void {
    const { lanes, states, breakers, queue } = this.#memory;
    const { lane } = state;
    const batch = lane.first();
    if (!batch || !this.leaseOf(lane.shard)) {
      lane.clear();
      lanes.drop(lane);
      states.delete(lane);
      return;
    }
    const nowMs = this.#clock.nowMs;
    if (batch.readyAtMs > nowMs) return this.#wait(state, Math.min(batch.readyAtMs - nowMs, 200));
    const permission = breakers.permission(this.#guarded(lane));
    if (permission.kind === 'open') return this.#wait(state, permission.untilMs - nowMs);
    const backlogMs = this.#backlogMs(lane) - BACKLOG_MS_MAX;
    if (backlogMs > 0) return this.#wait(state, backlogMs);
    if (!this.#choose(state).choice) return this.#wait(state, 20);
    state.isBusy = true;
    queue.ask(lane);
    this.world.turns.asked(this.name, lane);
    this.#giveTurns();
  }

  #choose({ lane, share }: LaneState) {
    const account = this.world.accountOf(lane.org, lane.channelId);
    const ready = lane.ready(this.#clock.nowMs, BATCHES_MAX);
    const hasRoom = this.#memory.places.hasRoom(account) && this.#sender(lane).waiting.length <= CLAIM_MESSAGES_MAX;
    const choice = chooseBatches(ready, share, hasRoom);
    return { ready, choice };
  }

  #giveTurns(): void {
    const memory = this.#memory;
    while (memory.claims < CLAIMS_MAX) {
      const lane = memory.queue.next();
      if (!lane) return;
      memory.claims += 1;
      this.world.turns.given(this.name, lane);
      const state = memory.states.get(lane);
      if (state) this.#claim(state);
      else this.#endTurn(lane, 0);
    }
  }

  #endTurn(lane: Lane, messages: number): void {
    const cost = messages + 1;
    this.#memory.claims -= 1;
    this.#memory.queue.settle(lane, cost);
    this.world.turns.ended(this.name, lane, cost);
    this.#giveTurns();
  }

  #claim(state: LaneState): void {
    const { lane } = state;
    const lease = this.leaseOf(lane.shard);
    const { choice } = this.#choose(state);
    const permission = this.#memory.breakers.permission(this.#guarded(lane));
    if (!lease || !choice || permission.kind === 'open') {
      this.#endTurn(lane, 0);
      return this.#wait(state, 1);
    }
    const giveProbeBack = permission.kind === 'probe' ? this.#memory.breakers.probe(this.#guarded(lane)) : undefined;
    const messagesMax = giveProbeBack ? 1 : Math.min(choice.messagesMax, CLAIM_MESSAGES_MAX);
    const batchIds = choice.batches.slice(0, messagesMax).map(({ id }) => id);
    const segmentsPerSecond = this.world.rateOf(lane.org, lane.channelId);
    const beganAtMs = this.#clock.nowMs;
    lease.uses += 1;
    const asked = { shard: lane.shard, epoch: lease.epoch, batchIds, segmentsPerSecond, messagesMax };
    const { life } = this;
    this.ask(
      () => {
        const answer = this.#rows.claim(asked);
        if (life !== this.life) this.world.mayBecomeUnknown(positionsOf(answer));
        return answer;
      },
      (answer) => this.#claimed(state, choice, answer, { beganAtMs, lease, giveProbeBack }),
      (answer) => {
        if (this.#clock.nowMs - beganAtMs > RECOVERY_MS) this.world.mayBecomeUnknown(positionsOf(answer));
        if (answer.kind === 'visited') this.#memory.open.doubt(asked, answer.slices);
        lease.uses -= 1;
        giveProbeBack?.();
        lane.remove(batchIds[0] ?? '');
        this.#endTurn(lane, 0);
        this.#wait(state, 500);
      },
    );
  }

  #claimed(
    state: LaneState,
    choice: Choice,
    answer: Answered,
    { beganAtMs, lease, giveProbeBack }: { beganAtMs: number; lease: Lease; giveProbeBack: (() => void) | undefined },
  ): void {
    lease.uses -= 1;
    const { lane, share } = state;
    if (answer.kind === 'lost') {
      giveProbeBack?.();
      lane.clear();
      this.#endTurn(lane, 0);
      return this.#wait(state, 1);
    }
    const nowMs = this.#clock.nowMs;
    const isReply = (id: string) => choice.batches.some((batch) => batch.id === id && batch.priority > 0);
    const kinds = Map.groupBy(choice.batches, ({ id }) => (isReply(id) ? 'replies' : 'others'));
    settleShare({ replies: kinds.get('replies') ?? [], others: kinds.get('others') ?? [] }, share, answer.slices);
    for (const batchId of answer.gone) lane.remove(batchId);
    for (const { batchId, ms } of answer.later) lane.delay(batchId, nowMs + ms);
    if (answer.slices.length === 0) giveProbeBack?.();
    for (const slice of answer.slices) {
      this.#memory.open.begin(slice);
      const latestMs = beganAtMs + Math.min(SEND_WINDOW_MS, slice.expiresInMs);
      const turns = turnsOf(slice.messages, {
        ...{ startsAtMs: nowMs + slice.startsInMs, segmentsPerSecond: this.world.rateOf(lane.org, lane.channelId) },
      });
      const departing = slice.messages.map((message, index) => ({
        ...{ slice, message, turnMs: turns[index] ?? nowMs, latestMs, lease },
        isProbe: giveProbeBack !== undefined,
      }));
      lease.uses += departing.length;
      this.#sender(lane).waiting.push(...departing);
    }
    this.#depart(lane);
    this.#endTurn(
      lane,
      answer.slices.reduce((sum, { messages }) => sum + messages.length, 0),
    );
    this.#wait(state, answer.nextInMs);
  }

  #sender({ org, channelId }: Pick<Lane, 'org' | 'channelId'>): SenderState {
    const key = `${org}/${channelId}`;
    const known = this.#memory.senders.get(key);
    if (known) return known;
    const made = { pace: makePace(this.world.rateOf(org, channelId)), waiting: [], isAwaited: false };
    this.#memory.senders.set(key, made);
    return made;
  }

  #backlogMs(lane: Lane): number {
    const { pace, waiting } = this.#sender(lane);
    const segments = waiting.reduce((sum, { message }) => sum + message.segments, 0);
    const busyMs = Math.max(0, pace.busyUntilMs() - this.#clock.nowMs);
    return busyMs + (segments / this.world.rateOf(lane.org, lane.channelId)) * 1000;
  }

  /** One message after the other, each at its turn, at the pace, and with a place. */
  #depart(lane: Lane): void {
    const sender = this.#sender(lane);
    const { pace, waiting } = sender;
    const comeBack = (ms: number) => {
      if (sender.isAwaited) return;
      sender.isAwaited = true;
      this.later(ms, () => {
        sender.isAwaited = false;
        this.#depart(lane);
      });
    };
    const nowMs = this.#clock.nowMs;
    for (let next = waiting[0]; next; next = waiting[0]) {
      const waitMs = Math.max(next.turnMs, pace.earliestMs()) - nowMs;
      if (waitMs > 0) return comeBack(waitMs + this.world.chance.between(0, 8));
      const place = this.#memory.places.tryEnter(this.world.accountOf(lane.org, lane.channelId));
      if (!place) return comeBack(10);
      waiting.shift();
      pace.leave(next.message.segments, nowMs);
      this.#send(lane, next, (answer) => place.leave(answer));
    }
  }

  #send(lane: Lane, departing: Departing, leave: (answer: 'accepted' | 'throttled' | 'other') => void): void {
    const { breakers } = this.#memory;
    const { lease } = departing;
    const guarded = this.#guarded(lane);
    const end = (outcome: SendOutcome) => {
      lease.uses -= 1;
      breakers.ended(guarded, outcome, departing.isProbe);
      const isThrottled = outcome.kind === 'not_sent' && outcome.reason === 'THROTTLED';
      leave(outcome.kind === 'accepted' ? 'accepted' : isThrottled ? 'throttled' : 'other');
      this.#memory.outcomes.push({ slice: departing.slice, message: departing.message, outcome });
      this.#flushSoon();
    };
    const isGood = this.leases.get(lane.shard) === lease && this.#clock.nowMs < lease.goodUntilMs;
    const refusal = departing.isProbe ? undefined : breakers.refusal(guarded);
    if (refusal) return end(refusal);
    if (!isGood || this.#clock.nowMs >= departing.latestMs) return end(MISSED);
    const account = this.world.accountOf(lane.org, lane.channelId);
    const sender = `${lane.org}/${lane.channelId}`;
    this.world.provider.post({ account, sender }, departing.message, (outcome) => this.later(0, () => end(outcome)));
  }

  /** One flush at a time, a while after the first outcome that it takes. */
  #flushSoon(): void {
    const memory = this.#memory;
    if (memory.isFlushing) return;
    memory.isFlushing = true;
    this.later(50, () => this.#flush());
  }

  #flush(): void {
    const memory = this.#memory;
    const { open, outcomes } = memory;
    const written = outcomes.splice(0, 200);
    const complete = open.completedBy(written);
    const end = () => {
      memory.isFlushing = false;
      if (outcomes.length > 0) this.#flushSoon();
    };
    this.ask(
      () => this.#rows.record(written, complete),
      () => {
        open.written(written);
        end();
      },
      () => {
        outcomes.unshift(...written);
        end();
      },
    );
  }

  #guarded({ org, shard, channelId }: Lane): Guarded {
    return { org, shard, channelId, channelAccountId: this.world.accountOf(org, channelId) };
  }
}

function positionsOf(answer: Answered): number {
  return answer.kind === 'lost' ? 0 : answer.slices.reduce((sum, { messages }) => sum + messages.length, 0);
}

const MISSED: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'SEND_WINDOW_MISSED' };
