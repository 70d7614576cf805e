import { randomUUID } from 'node:crypto';
import { describeWithKafka } from '@herald/testing';
import type { Bus, BusRecord, Subscription } from '../bus';
import { Audience } from '../testing/audience';
import { kafkaClient } from './connect';
import { kafkaBus } from './kafka-bus';

const TOPIC = 'herald.callback.v1';
const PARTITIONS = 4;
const ALL = [0, 1, 2, 3];
const TIMEOUT_MS = 90_000;

/** What a replica was told last, and a promise for what it is to be told. */
class Assignment {
  partitions: readonly number[] = [];
  tellings = 0;
  #wake: (() => void)[] = [];

  readonly tell = (partitions: readonly number[]): void => {
    this.partitions = partitions;
    this.tellings += 1;
    for (const wake of this.#wake.splice(0)) wake();
  };

  async is(check: (partitions: readonly number[]) => boolean): Promise<void> {
    while (this.tellings === 0 || !check(this.partitions)) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
}

describeWithKafka('replicas', (kafka) => {
  let source = '';
  const buses: Bus[] = [];
  const connection = () => ({ brokers: [kafka().broker], clientId: `spec-${source}` });

  const open = async (): Promise<Bus> => {
    const bus = await kafkaBus({
      ...{ connection: connection(), partitions: PARTITIONS },
      ...{ clock: { monotonicMs: () => performance.now() }, retryDelaysMs: [10] },
      ...{ onTrouble: () => undefined, onDead: () => undefined },
    });
    buses.push(bus);
    return bus;
  };
  const join = (bus: Bus, sharing: Subscription['sharing'] = 'shared') => {
    const assignment = new Assignment();
    const subscription = { topic: TOPIC, group: `g-${source}`, source, sharing, onAssigned: assignment.tell };
    return { audience: new Audience(bus, subscription), assignment };
  };
  const record = (partition: number): BusRecord => ({
    ...{ topic: TOPIC, key: source, partition, id: randomUUID(), type: 't', source, time: new Date(0) },
    payload: new Uint8Array([1]),
  });
  /** The groups and topics at the broker that are this test's. */
  const atBroker = async () => {
    const admin = kafkaClient(connection()).admin();
    await admin.connect();
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    const names = { groups, topics: await admin.listTopics() };
    await admin.disconnect();
    const ours = (name: string) => name.includes(source);
    return { groups: names.groups.filter(ours), topics: names.topics.filter(ours) };
  };

  beforeEach(() => {
    source = randomUUID();
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
  }, TIMEOUT_MS);

  it(
    'share the partitions of a group, and whoever stays is given those of the one that stops',
    async () => {
      const [staying, leaving] = [await open(), await open()];
      const [first, second] = [join(staying), join(leaving)];
      const isShare = (partitions: readonly number[]) => partitions.length === PARTITIONS / 2;
      await Promise.all([first.assignment.is(isShare), second.assignment.is(isShare)]);
      expect([...first.assignment.partitions, ...second.assignment.partitions].toSorted()).toEqual(ALL);
      const { tellings } = second.assignment;
      await leaving.stop();
      await first.assignment.is((partitions) => partitions.length === PARTITIONS);
      expect(first.assignment.partitions.toSorted()).toEqual(ALL);
      expect(second.assignment.tellings).toBe(tellings);
      const records = ALL.map(record);
      await staying.publish(records);
      await first.audience.hasHandled(records);
    },
    TIMEOUT_MS,
  );

  it(
    'tell one that has no partition so',
    async () => {
      const bus = await open();
      const members = [join(bus)];
      for (let at = 0; at < PARTITIONS; at += 1) members.push(join(await open()));
      const isEmpty = members.map(({ assignment }) => assignment.is((partitions) => partitions.length === 0));
      await Promise.race(isEmpty);
      await Promise.all(members.map(({ assignment }) => assignment.is((partitions) => partitions.length < 2)));
      expect(members.flatMap(({ assignment }) => assignment.partitions).toSorted()).toEqual(ALL);
    },
    TIMEOUT_MS,
  );

  it(
    'are each handed every record where they ask for it, and leave no topic and no group behind',
    async () => {
      const pair = [await open(), await open()];
      const replicas = pair.map((bus) => join(bus, 'each-replica'));
      for (const { assignment } of replicas) await assignment.is((partitions) => partitions.length === PARTITIONS);
      const records = [...ALL, ...ALL].map(record);
      await pair[0]?.publish(records);
      for (const { audience } of replicas) await audience.hasHandled(records);
      expect(await atBroker()).toEqual({ groups: [expect.any(String), expect.any(String)], topics: [] });
      await Promise.all(pair.map((bus) => bus.stop()));
      expect(await atBroker()).toEqual({ groups: [], topics: [] });
    },
    TIMEOUT_MS,
  );

  it(
    'hear what was published while their group was elsewhere, though nothing was ever committed in it',
    async () => {
      const bus = await open();
      const { audience, assignment } = join(bus, 'each-replica');
      await assignment.is((partitions) => partitions.length === PARTITIONS);
      const [groupId = ''] = (await atBroker()).groups;
      // A stranger in the group takes half of its partitions, reads them, commits nothing and goes.
      const stranger = kafkaClient(connection()).consumer({ groupId });
      await stranger.connect();
      await stranger.subscribe({ topic: TOPIC, fromBeginning: false });
      await stranger.run({ autoCommit: false, eachMessage: async () => undefined });
      await assignment.is((partitions) => partitions.length === PARTITIONS / 2);
      const records = ALL.map(record);
      await bus.publish(records);
      await stranger.disconnect();
      await audience.hasHandled(records);
    },
    TIMEOUT_MS,
  );
});
