import { randomUUID } from 'node:crypto';
import { describeWithKafka } from '@herald/testing';
import type { Bus, BusRecord } from '../bus';
import { RETRY_DELAYS_MS, TRIES_WITHIN_MS, type DeliveryFault } from '../delivery';
import { Audience } from '../testing/audience';
import { poisoned } from '../testing/poison';
import { kafkaClient } from './connect';
import { kafkaDeadLetters } from './kafka-dead-letters';
import { kafkaBus, type KafkaBusOptions } from './kafka-bus';
import { setUpTopics } from './topic-set-up';

const TOPIC = 'herald.callback.v1';
const PARTITIONS = 4;
const TIMEOUT_MS = 90_000;

/** kafkajs against its known faults, on a real broker: each test fails without the guard it names. */
describeWithKafka('guards', (kafka) => {
  /** Each test's own, so that none hears another's records. */
  let source = '';
  const buses: Bus[] = [];
  const dead: Error[] = [];
  const connection = () => ({ brokers: [kafka().broker], clientId: `spec-${source}` });

  const open = async (more: Partial<KafkaBusOptions> = {}): Promise<Bus> => {
    const bus = await kafkaBus({
      ...{ connection: connection(), partitions: PARTITIONS },
      ...{
        clock: { monotonicMs: () => performance.now() },
        onDead: (error) => dead.push(error),
        onTrouble: () => undefined,
      },
      retryDelaysMs: [10, 10, 10, 10],
      ...more,
    });
    buses.push(bus);
    return bus;
  };
  const record = (id: string, more: Partial<BusRecord> = {}): BusRecord => ({
    ...{ topic: TOPIC, key: id, id, type: 't', source, time: new Date('2026-01-01T00:00:00Z') },
    payload: new Uint8Array([1]),
    ...more,
  });
  const audienceOf = (bus: Bus, group: string, reaction?: ConstructorParameters<typeof Audience>[2]) =>
    new Audience(bus, { topic: TOPIC, group: `${group}-${source}`, source }, reaction);

  beforeEach(() => {
    source = randomUUID();
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
    expect(dead).toEqual([]);
  }, TIMEOUT_MS);

  it(
    'hands a new group the records from before it was there',
    async () => {
      const bus = await open();
      const early = record(randomUUID());
      await bus.publish([early]);
      await audienceOf(bus, 'late').hasHandled([early]);
    },
    TIMEOUT_MS,
  );

  it(
    'P16: makes a dead letter of a message that is no record, at once, and goes on behind it',
    async () => {
      const faults: DeliveryFault[] = [];
      const bus = await open({ onFault: (fault) => faults.push(fault) });
      const behind = record(randomUUID(), { partition: 2 });
      const producer = kafkaClient(connection()).producer();
      await producer.connect();
      const value = Buffer.from('nothing of ours');
      await producer.send({ topic: TOPIC, messages: [{ key: source, value, partition: 2 }] });
      await producer.disconnect();
      await bus.publish([behind]);
      await audienceOf(bus, 'poisoned').hasHandled([behind]);
      expect(faults.filter(({ next }) => next === 'dead-lettered')).toEqual([
        expect.objectContaining({ tries: 2, partition: 2, group: `poisoned-${source}` }),
      ]);
    },
    TIMEOUT_MS,
  );

  it(
    'P16: buries bad bytes, a wrong type and what a handler throws for within 30 s, and handles their neighbours',
    async () => {
      // The tries are as far apart as in production, so that the time is too.
      const bus = await open({ retryDelaysMs: RETRY_DELAYS_MS });
      const { records, good, poison, handler } = poisoned((name, more) =>
        record(`${name}-${source}`, { key: source, partition: 1, ...more }),
      );
      const audience = audienceOf(bus, 'thrice-poisoned', handler);
      await bus.publish(records);
      await audience.isHanded(1);
      const handedAtMs = performance.now();
      await audience.hasHandled(good);
      expect(performance.now() - handedAtMs).toBeLessThan(TRIES_WITHIN_MS);
      expect(audience.firstIds()).toEqual(good.map(({ id }) => id));
      const desk = await kafkaDeadLetters(connection());
      const kept = await desk.read({ topic: TOPIC, group: `thrice-poisoned-${source}` }, { size: 10 });
      await desk.close();
      const own = kept.letters.filter((letter) => letter.record.source === source);
      expect(Object.fromEntries(own.map(({ record: { id }, reason }) => [id, reason]))).toEqual(poison);
    },
    TIMEOUT_MS,
  );

  it(
    'gives a batch up at once when the group rebalances, and loses nothing of it',
    async () => {
      const [first, second] = [await open({ retryDelaysMs: [25_000] }), await open()];
      const failing = audienceOf(first, 'moving', () => {
        throw new Error('The handler fails for as long as it is here.');
      });
      const records = Array.from({ length: 8 }, () => record(randomUUID()));
      await first.publish(records);
      await failing.isHanded(1);
      // Its next try is 25 s away: only a turn that ends early lets the newcomer have partitions before that.
      const newcomer = audienceOf(second, 'moving');
      await newcomer.isHanded(1);
      await first.stop();
      await newcomer.hasHandled(records);
    },
    TIMEOUT_MS,
  );

  it(
    'refuses topics of another number of partitions, and names them',
    async () => {
      const admin = kafkaClient(connection()).admin();
      await admin.connect();
      const setting = { partitions: PARTITIONS + 1, retentionMs: 1_000_000 };
      await expect(setUpTopics(admin, { [TOPIC]: setting })).rejects.toThrow(`${TOPIC} has 4, not 5`);
      await admin.disconnect();
    },
    TIMEOUT_MS,
  );

  it(
    'makes topics that keep a record batch within one fetch, once, however many replicas start',
    async () => {
      const admin = kafkaClient(connection()).admin();
      await admin.connect();
      const topic = `herald.${source}.v1`;
      const setting = { [topic]: { partitions: 2, retentionMs: 3_600_000 } };
      await Promise.all([setUpTopics(admin, setting), setUpTopics(admin, setting), setUpTopics(admin, setting)]);
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: topic, configNames: ['max.message.bytes', 'retention.ms'] }],
      });
      const values = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]);
      expect(Object.fromEntries(values ?? [])).toEqual({ 'max.message.bytes': '262144', 'retention.ms': '3600000' });
      await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
    },
    TIMEOUT_MS,
  );
});
