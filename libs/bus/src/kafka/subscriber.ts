import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { HeraldError } from '@herald/errors';
import { failpoint } from '@herald/failpoints';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Subscription } from '../bus';
import { Delivery, type DeliveryPorts } from '../delivery';
import { BATCH_RECORDS_MAX } from '../lane';
import { ownPlaces, type Places } from './places';
import { beginTurn } from './turn';
import { watchdog } from './watchdog';
import { fromMessage, type ReadMessage } from './wire';

const SESSION_MS = 30_000;
/** Below the beat of a turn: kafkajs skips a heartbeat that comes a moment before its interval is over. */
const HEARTBEAT_INTERVAL_MS = 2_500;
const REBALANCE_MS = 60_000;
const FETCH_WAIT_MS = 500;
/** Of one partition; more than a record batch of any topic may have. */
const FETCH_BYTES_MAX = 1024 * 1024;
const COMMIT_RECORDS = 200;
const COMMIT_EVERY_MS = 1_000;
/** Partitions worked on at once. */
const PARTITIONS_AT_ONCE = 16;
const START_AGAIN_MS = 1_000;
/** A message that is not one of ours needs no more tries; only its letter may have to wait for its store. */
const MALFORMED_DELAYS_MS: readonly number[] = [1_000];

/** What a subscriber needs of its bus. */
export interface SubscriberPorts extends DeliveryPorts {
  kafka: Kafka;
  /** The consumer's group at the broker. */
  groupId: string;
  /** The end of each partition of a topic as it is now: the offset that the next record gets. */
  endsOf(topic: string): Promise<readonly { partition: number; offset: string }[]>;
  brokerAnswers(): Promise<boolean>;
  /** Told when this consumer failed and starts again. */
  onTrouble(error: Error): void;
  /** Called when this consumer will never work again: the process is to end, and whoever runs it starts it anew. */
  onDead(error: Error): void;
}

/** A subscription at work. */
export interface Subscriber {
  /** Leaves the group once its batches are given up; whoever stops it says how long that may take. */
  stop(): Promise<void>;
}

/**
 * Joining, consuming, stopped. Joining: kafkajs connects and repeats until the group takes it. Consuming: each partition
 * has one batch in flight, cut into chunks of 200; offsets are committed as chunks are done, and are but a hint, since
 * every handler bears a repetition. A rebalance ends the turn at once. A batch is never thrown for what its records are:
 * that would make kafkajs fetch it for ever.
 */
export function subscriber(subscription: Subscription, ports: SubscriberPorts): Subscriber {
  const consumer = ports.kafka.consumer({
    groupId: ports.groupId,
    ...{ sessionTimeout: SESSION_MS, heartbeatInterval: HEARTBEAT_INTERVAL_MS, rebalanceTimeout: REBALANCE_MS },
    ...{ maxWaitTimeInMs: FETCH_WAIT_MS, maxBytesPerPartition: FETCH_BYTES_MAX, allowAutoTopicCreation: false },
    // Whatever ends a consumer ends it only for a while; what kafkajs itself holds for final comes as a CRASH.
    retry: {
      retries: 8,
      initialRetryTime: 200,
      maxRetryTime: 5_000,
      restartOnFailure: async () => !ports.stopping.aborted,
    },
  });
  const guard = watchdog({ ...ports, monotonicMs: () => ports.clock.monotonicMs() });
  for (const sign of [consumer.events.GROUP_JOIN, consumer.events.HEARTBEAT, consumer.events.FETCH])
    consumer.on(sign, () => guard.hear());
  const { topic, sharing } = subscription;
  const places = sharing === 'each-replica' ? ownPlaces(consumer, topic, ports.endsOf) : undefined;
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    if (!ports.stopping.aborted) subscription.onAssigned?.(payload.memberAssignment[topic] ?? []);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (ports.stopping.aborted) return;
    if (payload.restart) ports.onTrouble(payload.error);
    else ports.onDead(payload.error);
  });
  const joined = run(consumer, { subscription, places }, ports);
  return {
    stop: async () => {
      guard.stop();
      // kafkajs forgets a consumer that is stopped while it joins, and the group keeps a member that nobody can stop.
      await joined.then(() => consumer.disconnect()).catch(ports.onTrouble);
    },
  };
}

/** What is consumed, and from where, if that is not for the broker to remember. */
interface Wish {
  subscription: Subscription;
  places: Places | undefined;
}

/** Begins to consume, and begins again while the broker is away: kafkajs restarts only what once ran. */
async function run(consumer: Consumer, wish: Wish, ports: SubscriberPorts): Promise<void> {
  const outside = AsyncLocalStorage.snapshot();
  const work = batchWork(wish, ports);
  const { topic } = wish.subscription;
  const options = {
    ...{ eachBatchAutoResolve: false, partitionsConsumedConcurrently: PARTITIONS_AT_ONCE },
    ...{ autoCommitThreshold: COMMIT_RECORDS, autoCommitInterval: COMMIT_EVERY_MS },
    eachBatch: (payload: EachBatchPayload) => outside(() => work(payload)),
  };
  while (!ports.stopping.aborted) {
    try {
      await consumer.connect();
      await wish.places?.begin();
      await consumer.subscribe({ topic, fromBeginning: true });
      if (!ports.stopping.aborted) await consumer.run(options);
      return;
    } catch (error) {
      ports.onTrouble(error instanceof Error ? error : new Error(String(error)));
      await pause(START_AGAIN_MS, undefined, { signal: ports.stopping }).catch(() => undefined);
    }
  }
}

function batchWork({ subscription, places }: Wish, ports: SubscriberPorts) {
  const ours = (stopping: AbortSignal) => new Delivery(subscription, { ...ports, stopping });
  const refusing = { ...subscription, handler: async () => Promise.reject(malformed()) };
  const foreign = (stopping: AbortSignal) =>
    new Delivery(refusing, { ...ports, stopping, retryDelaysMs: MALFORMED_DELAYS_MS });

  return async (payload: EachBatchPayload): Promise<void> => {
    const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary } = payload;
    const turn = beginTurn(heartbeat, ports.stopping);
    try {
      const messages = batch.messages.map((message) => fromMessage(batch.topic, batch.partition, message));
      for (const chunk of chunksOf(messages)) {
        if (turn.signal.aborted || !payload.isRunning() || payload.isStale()) break;
        const delivery = chunk[0]?.lacks.length === 0 ? ours(turn.signal) : foreign(turn.signal);
        const offsets = chunk.map(({ offset }) => offset).values();
        const done = () => {
          const offset = offsets.next().value ?? '';
          resolveOffset(offset);
          places?.done(batch.partition, offset);
        };
        await delivery.deliver(
          chunk.map(({ record }) => record),
          done,
        );
        await failpoint('offset.before_commit');
        await commitOffsetsIfNecessary();
        await failpoint('offset.after_commit');
      }
    } catch (error) {
      // Given up early: by a stop, which leaves the rest to the next member, or by the group, whose error kafkajs needs.
      if (!turn.signal.aborted) throw error;
    } finally {
      turn.end();
    }
    if (turn.signal.aborted && !ports.stopping.aborted) throw turn.signal.reason;
  };
}

/** Neighbours that are records of ours, or are not, at most so many as a handler is given at once. */
function chunksOf(messages: readonly ReadMessage[]): ReadMessage[][] {
  const chunks: ReadMessage[][] = [];
  for (const message of messages) {
    const last = chunks.at(-1);
    const isAlike = last?.[0] && (last[0].lacks.length === 0) === (message.lacks.length === 0);
    if (last && isAlike && last.length < BATCH_RECORDS_MAX) last.push(message);
    else chunks.push([message]);
  }
  return chunks;
}

function malformed(): HeraldError {
  return new HeraldError('REQUEST_MALFORMED', 'The record lacks its CloudEvents headers, key or value.');
}
