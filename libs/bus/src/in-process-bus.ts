import assert from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Bus, BusRecord, DeadLetterStore, DeliveredRecord, RunningSubscription, Subscription } from './bus';
import type { DeliveryFault, DeliveryPorts } from './delivery';
import { Delivery, RETRY_DELAYS_MS, unavailable } from './delivery';
import { Lane } from './lane';
import { assertMayPublish, placed } from './placement';
import { isTopic } from './topics';
import { isWithin } from './within';

/** How long handlers may go on after stop() before their signal is aborted. */
const DRAIN_LIMIT_MS = 10_000;
/** How long an aborted handler may take to return before stop() no longer waits for it. */
const ABORT_GRACE_MS = 1_000;

/** What an in-process bus is made of. */
export interface InProcessBusOptions {
  /** How many partitions a topic has; it must not change while records wait, in whatever outbox they wait. */
  partitions: number | ((topic: string) => number);
  deadLetters: DeadLetterStore;
  clock: { monotonicMs(): number };
  /** Whether the caller may not publish now: the composer passes whether it is inside a database transaction. */
  forbidden?: () => boolean;
  /** Told of every failed delivery, for the log and the count; it must not throw. */
  onFault?: (fault: DeliveryFault) => void;
  /** The waits between tries: a record has one try more than there are waits. */
  retryDelaysMs?: readonly number[];
  drainLimitMs?: number;
}

/** A bus for services that share a process: publish resolves when every group has handled each record or dead-lettered it. */
export function inProcessBus(options: InProcessBusOptions): Bus {
  return new InProcessBus(options);
}

/** A group of one topic: its lanes, one per partition, made when first used, and its end. */
class Group implements RunningSubscription {
  readonly #lanes = new Map<number, Lane>();
  readonly #delivery: Delivery;
  readonly #stopping = new AbortController();
  readonly #overdue = new AbortController();
  readonly #drainLimitMs: number;
  #stopped: Promise<void> | undefined;

  constructor(
    readonly subscription: Subscription,
    { drainLimitMs, ...ports }: Omit<DeliveryPorts, 'stopping' | 'overdue'> & { drainLimitMs: number },
  ) {
    const signals = { stopping: this.#stopping.signal, overdue: this.#overdue.signal };
    this.#delivery = new Delivery(subscription, { ...ports, ...signals });
    this.#drainLimitMs = drainLimitMs;
  }

  get isOpen(): boolean {
    return !this.#stopping.signal.aborted;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    const lanes = [...this.#lanes.values()];
    const idle = Promise.all(lanes.map((lane) => lane.idle()));
    if (await isWithin(idle, this.#drainLimitMs)) return;
    const error = unavailable('The event bus stopped before the record was handled.');
    this.#overdue.abort(error);
    if (await isWithin(idle, ABORT_GRACE_MS)) return;
    for (const lane of lanes) lane.refuseAll(error);
  }

  lane(partition: number): Lane {
    const lane = this.#lanes.get(partition) ?? new Lane(this.#delivery);
    this.#lanes.set(partition, lane);
    return lane;
  }
}

/**
 * Open, draining, stopped. Open: publishes are put into the lanes of every group of their topic. Draining, from stop()
 * on: publishes are refused, handlers go on, a record that fails is refused to its publisher instead of waiting for
 * its next try. Stopped: no handler runs that was not aborted. A group can be stopped alone: what it would be handed is
 * then refused, for nobody else would bring it. Nothing is kept on disk: a crash loses what waits, and whoever published
 * it was not answered and repeats it.
 */
class InProcessBus implements Bus {
  readonly #options: InProcessBusOptions;
  readonly #groups: Group[] = [];
  readonly #stopping = new AbortController();
  /** Lanes run in the context the bus was made in: a handler must not inherit the trace or transaction of a publisher. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #stopped: Promise<void> | undefined;

  constructor(options: InProcessBusOptions) {
    this.#options = options;
  }

  async publish(records: readonly BusRecord[]): Promise<void> {
    assertMayPublish(this.#options.forbidden);
    const delivered = records.map((record) => placed(record, (topic) => this.#partitionsOf(topic)));
    this.#assertOpen();
    const groups = this.#groupsFor(delivered);
    const partsFor = ({ subscription }: Group) =>
      Map.groupBy(
        delivered.filter(({ topic }) => topic === subscription.topic),
        ({ partition }) => partition,
      );
    const puts = groups.flatMap((group) =>
      [...partsFor(group)].map(([partition, part]) => ({ lane: group.lane(partition), part })),
    );
    if (!puts.every(({ lane, part }) => lane.hasRoomFor(part.length))) {
      throw unavailable('Too many records wait on the event bus. Repeat the call after a wait.');
    }
    await Promise.all(this.#outside(() => puts.map(({ lane, part }) => lane.put(part))));
  }

  subscribe(subscription: Subscription): RunningSubscription {
    const { topic, group } = subscription;
    assert(isTopic(topic), `There is no topic ${topic}.`);
    this.#assertOpen();
    const isTaken = this.#groups.some(({ subscription: other }) => other.topic === topic && other.group === group);
    assert(!isTaken, `Group ${group} has subscribed to ${topic} already.`);
    const { deadLetters, clock, onFault = () => {}, retryDelaysMs = RETRY_DELAYS_MS } = this.#options;
    const { drainLimitMs = DRAIN_LIMIT_MS } = this.#options;
    const running = new Group(subscription, { deadLetters, clock, onFault, retryDelaysMs, drainLimitMs });
    this.#groups.push(running);
    const all = Array.from({ length: this.#partitionsOf(topic) }, (_, partition) => partition);
    queueMicrotask(() => {
      if (running.isOpen) subscription.onAssigned?.(all);
    });
    return running;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#groups.map((group) => group.stop()));
  }

  /** Those that are to be handed some of the records. Of a group that has stopped, a replica of its own misses nothing. */
  #groupsFor(records: readonly DeliveredRecord[]): Group[] {
    const concerned = this.#groups.filter(({ subscription: { topic } }) =>
      records.some((each) => each.topic === topic),
    );
    const open = concerned.filter(({ isOpen, subscription }) => isOpen || subscription.sharing !== 'each-replica');
    if (open.every(({ isOpen }) => isOpen)) return open;
    throw unavailable('A subscriber of the event bus has stopped. Repeat the call after a wait.');
  }

  #partitionsOf(topic: string): number {
    const { partitions } = this.#options;
    return typeof partitions === 'number' ? partitions : partitions(topic);
  }

  #assertOpen(): void {
    if (this.#stopping.signal.aborted) throw unavailable('The event bus has stopped.');
  }
}
