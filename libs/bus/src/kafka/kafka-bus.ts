import assert from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import type { Bus, BusRecord, DeadLetterStore, RunningSubscription, Subscription } from '../bus';
import { RETRY_DELAYS_MS, unavailable, type DeliveryFault } from '../delivery';
import { assertMayPublish, placed } from '../placement';
import { isTopic, TOPICS } from '../topics';
import { isWithin } from '../within';
import { connectCluster, kafkaClient, type KafkaConnection } from './connect';
import { deadLetterTopic, letterToMessage } from './dead-letter-topics';
import { producerOf, publisher, type Publisher } from './publisher';
import { subscriber, type Subscriber, type SubscriberPorts } from './subscriber';
import { DEAD_LETTER_RETENTION_MS, RETENTION_MS, setUpTopics } from './topic-set-up';

/** How long handlers may go on after stop() before their signal is aborted. */
const DRAIN_LIMIT_MS = 10_000;
/** All of it, with the abort: what has not left its group by then leaves it with the process. */
const DISCONNECT_LIMIT_MS = 14_000;
const PING_WITHIN_MS = 3_000;
const ASKING_RETRIES = 2;

/** What a bus over Kafka is made of. */
export interface KafkaBusOptions {
  connection: KafkaConnection;
  /** Partitions of every topic, fixed at installation: the shards. */
  partitions: number;
  clock: { monotonicMs(): number };
  /** Told when a consumer failed and starts again, for the log. */
  onTrouble(error: Error): void;
  /** Called when a consumer will never work again: the process is to end with a failure. */
  onDead(error: Error): void;
  /** Whether the caller may not publish now: the composer passes whether it is inside a database transaction. */
  forbidden?: () => boolean;
  /** Told of every failed delivery, for the log and the count; it must not throw. */
  onFault?: (fault: DeliveryFault) => void;
  /** The waits between tries: a record has one try more than there are waits. */
  retryDelaysMs?: readonly number[];
}

/**
 * Opens a bus over Kafka: makes the topics that are missing, checks the others, and connects. `publish` resolves when the
 * brokers hold the records. Throws BrokerConnectionError when the brokers cannot be used, and an Error when a topic has
 * another number of partitions.
 */
export function kafkaBus(options: KafkaBusOptions): Promise<Bus> {
  return connectCluster(options.connection, async ({ kafka, admin }) => {
    const { partitions } = options;
    const setting = { partitions, retentionMs: RETENTION_MS };
    const counts = await setUpTopics(admin, Object.fromEntries(Object.keys(TOPICS).map((topic) => [topic, setting])));
    return new BusOverKafka(options, { kafka, admin, counts });
  });
}

type Signals = Pick<SubscriberPorts, 'stopping' | 'overdue'>;

async function endSubscription(
  started: Promise<Subscriber>,
  stopping: AbortController,
  overdue: AbortController,
): Promise<void> {
  stopping.abort();
  // One that failed to start has nothing to stop, and its failure was told.
  const stop = Promise.allSettled([started.then((each) => each.stop())]);
  const ended = isWithin(stop, DISCONNECT_LIMIT_MS);
  if (await isWithin(ended, DRAIN_LIMIT_MS)) return;
  overdue.abort(unavailable('The event bus stopped before the record was handled.'));
  await ended;
}

/** Open, draining, stopped, as the bus in one process is; what a crash leaves, the brokers hold. */
class BusOverKafka implements Bus {
  readonly #options: KafkaBusOptions;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #counts: ReadonlyMap<string, number>;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Map<string, RunningSubscription>();
  readonly #stopping = new AbortController();
  #isDead = false;
  #stopped: Promise<void> | undefined;

  constructor(
    options: KafkaBusOptions,
    { kafka, admin, counts }: { kafka: Kafka; admin: Admin; counts: ReadonlyMap<string, number> },
  ) {
    this.#options = options;
    this.#kafka = kafka;
    this.#admin = admin;
    this.#counts = counts;
    this.#publisher = publisher(() => producerOf(kafka));
  }

  async publish(records: readonly BusRecord[]): Promise<void> {
    assertMayPublish(this.#options.forbidden);
    const all = records.map((record) => placed(record, (topic) => this.#counts.get(topic) ?? 0));
    this.#assertOpen();
    await this.#publisher.publish(all);
  }

  subscribe(subscription: Subscription): RunningSubscription {
    const { topic, group } = subscription;
    assert(isTopic(topic), `There is no topic ${topic}.`);
    this.#assertOpen();
    // Each topic has a group of its own at the broker: kafkajs hands a member partitions of topics it never asked for.
    const name = `${topic}.${group}`;
    assert(!this.#subscriptions.has(name), `Group ${group} has subscribed to ${topic} already.`);
    const [stopping, overdue] = [new AbortController(), new AbortController()];
    const signals = { stopping: stopping.signal, overdue: overdue.signal };
    const started = this.#start(subscription, name, signals);
    started.catch((error: unknown) => this.#die(error instanceof Error ? error : new Error(String(error))));
    let stopped: Promise<void> | undefined;
    const running = { stop: () => (stopped ??= endSubscription(started, stopping, overdue)) };
    this.#subscriptions.set(name, running);
    return running;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    if (!(await this.#brokerAnswers())) throw unavailable('The event broker does not answer.');
  }

  async #start(subscription: Subscription, name: string, signals: Signals): Promise<Subscriber> {
    if (subscription.sharing !== 'each-replica') {
      const letters = deadLetterTopic(subscription.topic, subscription.group);
      const setting = { partitions: 1, retentionMs: DEAD_LETTER_RETENTION_MS, isCompacted: true };
      await setUpTopics(this.#admin, { [letters]: setting });
      return this.#subscriber(subscription, name, signals);
    }
    // A group that nobody shares and that ends with its only member; what a killed one leaves, the broker forgets in a week.
    const groupId = `${name}.${randomUUID()}`;
    const alone = this.#subscriber(subscription, groupId, signals);
    return {
      stop: async () => {
        await alone.stop();
        // A broker may have forgotten it already, and forgets in a week what cannot be deleted now.
        await this.#admin.deleteGroups([groupId]).catch(() => undefined);
      },
    };
  }

  #subscriber(subscription: Subscription, groupId: string, signals: Signals): Subscriber {
    const { clock, onFault = () => {}, onTrouble, retryDelaysMs = RETRY_DELAYS_MS } = this.#options;
    return subscriber(subscription, {
      ...{ kafka: this.#kafka, groupId, clock, onFault, onTrouble, retryDelaysMs },
      onDead: (error) => this.#die(error),
      deadLetters: this.#deadLetters(),
      endsOf: (topic) => this.#admin.fetchTopicOffsets(topic),
      brokerAnswers: () => this.#brokerAnswers(),
      ...signals,
    });
  }

  #deadLetters(): DeadLetterStore {
    return {
      add: (letter) => {
        const topic = deadLetterTopic(letter.record.topic, letter.group);
        return this.#publisher.send(topic, 0, [letterToMessage(letter)]);
      },
    };
  }

  /**
   * Asks over a connection of its own. One that stays open may be dead after a network fault without our knowing it, for
   * as long as TCP repeats: 15 minutes in which each question would say that the broker is away and not we.
   */
  async #brokerAnswers(): Promise<boolean> {
    const asking = kafkaClient(this.#options.connection, ASKING_RETRIES).admin();
    const asked = asking.connect();
    asked.then(() => asking.disconnect()).catch(() => undefined);
    return isWithin(asked, PING_WITHIN_MS).catch(() => false);
  }

  /** Once, however many consumers find it out: a second signal would end the process without draining. */
  #die(error: Error): void {
    if (this.#isDead || this.#stopping.signal.aborted) return;
    this.#isDead = true;
    this.#options.onDead(error);
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#subscriptions.values()].map((each) => each.stop()));
    await this.#publisher.stop();
    await isWithin(this.#admin.disconnect(), PING_WITHIN_MS);
  }

  #assertOpen(): void {
    if (this.#stopping.signal.aborted) throw unavailable('The event bus has stopped.');
  }
}
