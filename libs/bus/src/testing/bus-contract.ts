import { randomUUID } from 'node:crypto';
import type { Bus, BusRecord, DeadLetter, Subscription } from '../bus';
import type { DeliveryFault } from '../delivery';
import { partitionOf } from '../partition';
import { Audience, gate } from './audience';

const TOPIC = 'herald.callback.v1';
/** For the slowest transport: what takes a moment in one process may take a minute with a broker's rebalances. */
const TIMEOUT_MS = 120_000;
const promises = (name: string, test: () => Promise<void>) => it(name, test, TIMEOUT_MS);

/** A transport as the contract sees it: its topics have at least two partitions. */
export interface BusUnderTest {
  bus: Bus;
  /** How many partitions every topic has. */
  partitions: number;
  /** The letters that are durable now, whoever's they are. */
  deadLetters(): Promise<readonly DeadLetter[]>;
  /** What it has reported so far. */
  faults(): readonly DeliveryFault[];
  /** Stops the bus, if a test has not, and lets go of what lies beneath. */
  close(): Promise<void>;
}

/** Makes a transport; `forbidden` says whether the caller is inside a transaction, and may not publish. */
type MakeTransport = (options: { forbidden: () => boolean }) => Promise<BusUnderTest>;

/** One test's own corner of a transport that may hold other tests' records: a source, keys and groups of its own. */
class Corner {
  readonly #name = randomUUID();
  isInTransaction = false;

  constructor(readonly transport: BusUnderTest) {}

  get bus(): Bus {
    return this.transport.bus;
  }

  audience(
    group: string,
    reaction?: ConstructorParameters<typeof Audience>[2],
    wishes: Pick<Subscription, 'sharing' | 'onAssigned'> = {},
  ): Audience {
    const subscription = { topic: TOPIC, group: `${group}-${this.#name}`, source: this.#name, ...wishes };
    return new Audience(this.bus, subscription, reaction);
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return (await this.transport.deadLetters()).filter(({ record }) => record.source === this.#name);
  }

  record(key: string, more: Partial<BusRecord> = {}): BusRecord {
    return {
      topic: TOPIC,
      key: `${this.#name}/${key}`,
      id: randomUUID(),
      type: 'herald.event.v1.ProviderCallbacks',
      time: new Date('2026-01-01T00:00:00Z'),
      source: this.#name,
      payload: new TextEncoder().encode(key),
      ...more,
    };
  }

  records(key: string, count: number): BusRecord[] {
    return Array.from({ length: count }, () => this.record(key));
  }
}

const idsOf = (records: readonly BusRecord[]) => records.map(({ id }) => id);

/**
 * What every transport promises, as a suite for jest. A transport may answer a publish before the records are handled
 * (a broker) or after (in process): the suite waits for handlers, never for time, and bears a repetition anywhere.
 */
export function busContract(name: string, makeTransport: MakeTransport): void {
  describe(`${name} as a bus`, () => {
    let corner: Corner;
    beforeEach(async () => {
      corner = new Corner(await makeTransport({ forbidden: () => corner.isInTransaction }));
    }, TIMEOUT_MS);
    afterEach(async () => corner.transport.close(), TIMEOUT_MS);

    describe('delivers', () => deliveryTests(() => corner));
    describe('when a handler fails', () => failureTests(() => corner));
    describe('when it stops', () => stopTests(() => corner));
  });
}

function deliveryTests(corner: () => Corner): void {
  promises('hands over the records of a key in the order they were published', async () => {
    const audience = corner().audience('one');
    const [first, second] = [corner().records('a', 50), corner().records('b', 50)];
    const mixed = first.flatMap((record, at) => [record, second[at] ?? record]);
    await corner().bus.publish(mixed.slice(0, 30));
    await corner().bus.publish(mixed.slice(30));
    await audience.hasHandled(mixed);
    const order = audience.firstIds();
    expect(order.filter((id) => idsOf(first).includes(id))).toEqual(idsOf(first));
    expect(order.filter((id) => idsOf(second).includes(id))).toEqual(idsOf(second));
  });

  promises('hands every record to every group', async () => {
    const audiences = ['one', 'two', 'three'].map((group) => corner().audience(group));
    const records = ['a', 'b', 'c', 'd'].flatMap((key) => corner().records(key, 5));
    await corner().bus.publish(records);
    for (const audience of audiences) {
      await audience.hasHandled(records);
      expect(audience.firstIds().toSorted()).toEqual(idsOf(records).toSorted());
    }
  });

  promises('hands a record over as it was published, with the partition of its key', async () => {
    const audience = corner().audience('one');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const [record, without] = [corner().record('a', { traceparent }), corner().record('b')];
    await corner().bus.publish([record, without]);
    await audience.hasHandled([record, without]);
    for (const published of [record, without]) {
      const partition = partitionOf(published.key, corner().transport.partitions);
      expect(audience.handled.find(({ id }) => id === published.id)).toEqual({ ...published, partition });
    }
  });

  promises('puts a record into the partition its publisher gave, whatever its key', async () => {
    const audience = corner().audience('one');
    const ownPartition = partitionOf(corner().record('a').key, corner().transport.partitions);
    const partition = (ownPartition + 1) % corner().transport.partitions;
    const records = [corner().record('a', { partition }), corner().record('a', { partition: ownPartition })];
    await corner().bus.publish(records);
    await audience.hasHandled(records);
    const partitions = records.map(({ id }) => audience.handled.find((handled) => handled.id === id)?.partition);
    expect(partitions).toEqual([partition, ownPartition]);
  });

  promises(
    'tells a subscriber all its partitions, after subscribe has returned and before the first record',
    async () => {
      const told: (readonly number[])[] = [];
      const toldBeforeRecords: number[] = [];
      const react = () => void toldBeforeRecords.push(told.length);
      const audience = corner().audience('one', react, { onAssigned: (partitions) => told.push(partitions) });
      expect(told).toEqual([]);
      const record = corner().record('a');
      await corner().bus.publish([record]);
      await audience.hasHandled([record]);
      await corner().bus.stop();
      expect(toldBeforeRecords[0]).toBe(1);
      const all = Array.from({ length: corner().transport.partitions }, (_, partition) => partition);
      expect(told.map((partitions) => partitions.toSorted())).toEqual([all]);
    },
  );

  promises(
    'hands each replica that asks for it all records from when it has joined, and none from before',
    async () => {
      await corner().bus.publish(['a', 'b', 'c', 'd'].map((key) => corner().record(key)));
      const joined = Promise.withResolvers<unknown>();
      const heard = corner().audience('each', undefined, { sharing: 'each-replica', onAssigned: joined.resolve });
      await joined.promise;
      const after = ['a', 'b', 'c', 'd'].map((key) => corner().record(key));
      await corner().bus.publish(after);
      await heard.hasHandled(after);
      expect(heard.firstIds().toSorted()).toEqual(idsOf(after).toSorted());
    },
  );

  promises('refuses a partition and a topic that do not exist', async () => {
    const { bus, partitions } = corner().transport;
    await expect(bus.publish([corner().record('a', { partition: partitions })])).rejects.toThrow();
    await expect(bus.publish([corner().record('a', { partition: -1 })])).rejects.toThrow();
    await expect(bus.publish([corner().record('a', { topic: 'herald.nothing.v1' })])).rejects.toThrow();
  });

  promises('refuses what is published inside a transaction', async () => {
    const audience = corner().audience('one');
    const [inside, outside] = [corner().record('a'), corner().record('a')];
    corner().isInTransaction = true;
    await expect(corner().bus.publish([inside])).rejects.toThrow('inside a transaction');
    corner().isInTransaction = false;
    await corner().bus.publish([outside]);
    await audience.hasHandled([outside]);
    expect(audience.firstIds()).toEqual([outside.id]);
  });

  promises('refuses what is published inside a handler, but not what a handler left behind', async () => {
    const [first, inside, later] = corner().records('a', 3) as [BusRecord, BusRecord, BusRecord];
    const returned = gate();
    const refusals: unknown[] = [];
    let leftBehind: Promise<void> | undefined;
    const audience = corner().audience('one', async (batch) => {
      if (!idsOf(batch).includes(first.id)) return;
      await corner()
        .bus.publish([inside])
        .catch((error: unknown) => refusals.push(error));
      leftBehind = returned.opened.then(() => corner().bus.publish([later]));
    });
    await corner().bus.publish([first]);
    await audience.hasHandled([first]);
    returned.open();
    await leftBehind;
    await audience.hasHandled([later]);
    expect(refusals).toEqual([expect.objectContaining({ message: expect.stringContaining('must not publish') })]);
    expect(audience.firstIds()).toEqual([first.id, later.id]);
  });

  promises('takes one subscription of a group to a topic', async () => {
    corner().audience('the-same');
    expect(() => corner().audience('the-same')).toThrow('the-same');
  });

  promises('goes on in other partitions while a handler is slow in one', async () => {
    const slow = gate();
    const held = corner().record('a', { partition: 0 });
    const free = corner().record('a', { partition: 1 });
    const audience = corner().audience('one', async ([record]) => (record?.id === held.id ? slow.opened : undefined));
    const published = [corner().bus.publish([held]), corner().bus.publish([free])];
    await audience.hasHandled([free]);
    expect(audience.ids()).not.toContain(held.id);
    slow.open();
    await audience.hasHandled([held]);
    await Promise.all(published);
  });
}

function failureTests(corner: () => Corner): void {
  promises('hands the records over again, in order', async () => {
    let failures = 0;
    const audience = corner().audience('one', () => {
      failures += 1;
      if (failures <= 2) throw new Error('The handler crashed.');
    });
    const records = corner().records('a', 3);
    await corner().bus.publish(records);
    await audience.hasHandled(records);
    expect(failures).toBeGreaterThan(2);
    expect(audience.firstIds()).toEqual(idsOf(records));
    expect(await corner().deadLetters()).toEqual([]);
  });

  promises('hands over again what a handler did half', async () => {
    const records = corner().records('a', 2);
    const half: string[] = [];
    const audience = corner().audience('one', (batch) => {
      half.push(...idsOf(batch.slice(0, 1)));
      if (half.length === 1) throw new Error('The handler crashed between two records.');
    });
    await corner().bus.publish(records);
    await audience.hasHandled(records);
    expect(half.filter((id) => id === records[0]?.id).length).toBeGreaterThan(1);
  });

  promises('does not hold up another group', async () => {
    const repaired = gate();
    const failing = corner().audience('failing', async () => repaired.opened);
    const healthy = corner().audience('healthy');
    const [first, second] = [corner().records('a', 2), corner().records('a', 2)];
    const published = [corner().bus.publish(first), corner().bus.publish(second)];
    await healthy.hasHandled([...first, ...second]);
    expect(failing.ids()).toEqual([]);
    repaired.open();
    await failing.hasHandled([...first, ...second]);
    await Promise.all(published);
    expect(healthy.firstIds()).toEqual(idsOf([...first, ...second]));
  });

  promises('makes a dead letter of the poison and handles its neighbours', async () => {
    const [before, poison, after, next] = corner().records('a', 4) as [BusRecord, BusRecord, BusRecord, BusRecord];
    const failing = corner().audience('failing', (batch) => {
      if (idsOf(batch).includes(poison.id)) throw new TypeError('Poison.');
    });
    const healthy = corner().audience('healthy');
    await corner().bus.publish([before, poison, after]);
    await corner().bus.publish([next]);
    await failing.hasHandled([before, after, next]);
    await healthy.hasHandled([before, poison, after, next]);
    expect(failing.firstIds()).toEqual(idsOf([before, after, next]));
    const letters = await corner().deadLetters();
    expect(letters.map(({ record }) => record)).toEqual([
      { ...poison, partition: partitionOf(poison.key, corner().transport.partitions) },
    ]);
    expect(letters[0]?.group).toMatch(/^failing-/);
    expect(letters[0]?.reason).toBe('TypeError');
  });

  promises('passes over what a replica of its own group cannot handle, and keeps no letter', async () => {
    const joined = Promise.withResolvers<unknown>();
    const [poison, next] = corner().records('a', 2) as [BusRecord, BusRecord];
    const react = (batch: readonly BusRecord[]) => {
      if (idsOf(batch).includes(poison.id)) throw new TypeError('Poison.');
    };
    const wishes = { sharing: 'each-replica', onAssigned: joined.resolve } as const;
    const audience = corner().audience('each', react, wishes);
    await joined.promise;
    await corner().bus.publish([poison, next]);
    await audience.hasHandled([next]);
    expect(audience.firstIds()).toEqual([next.id]);
    expect(await corner().deadLetters()).toEqual([]);
    expect(corner().transport.faults()).toContainEqual(
      expect.objectContaining({ recordIds: [poison.id], next: 'passed-over', error: expect.any(TypeError) }),
    );
  });
}

function stopTests(corner: () => Corner): void {
  promises('lets the handler that runs come to its end', async () => {
    const held = gate();
    const audience = corner().audience('one', async () => held.opened);
    const records = corner().records('a', 2);
    const published = corner().bus.publish(records);
    await audience.isHanded(1);
    const stopped = corner().bus.stop();
    held.open();
    await stopped;
    expect(audience.handled.length).toBe(audience.handed.flat().length);
    await expect(published).resolves.toBeUndefined();
  });

  promises('runs no handler once it has stopped', async () => {
    const audience = corner().audience('one');
    const records = corner().records('a', 200);
    const published = corner().bus.publish(records);
    await corner().bus.stop();
    const handed = audience.handed.length;
    await Promise.allSettled([published]);
    expect(audience.handed.length).toBe(handed);
    expect(audience.handled.length).toBe(audience.handed.flat().length);
  });

  promises('hands nothing more to a subscription that was stopped alone', async () => {
    const [stopped, other] = [corner().audience('stopped'), corner().audience('other')];
    const [before, after] = [corner().record('a'), corner().record('a')];
    await corner().bus.publish([before]);
    await Promise.all([stopped.hasHandled([before]), other.hasHandled([before])]);
    await Promise.all([stopped.subscription.stop(), stopped.subscription.stop()]);
    const isTaken = await corner()
      .bus.publish([after])
      .then(
        () => true,
        ({ reason }: { reason?: string }) => expect(reason).toBe('BUS_UNAVAILABLE'),
      );
    if (isTaken === true) await other.hasHandled([after]);
    expect(stopped.ids()).not.toContain(after.id);
  });

  promises('refuses what is published afterwards and answers no ping', async () => {
    const { bus } = corner();
    await expect(bus.ping()).resolves.toBeUndefined();
    await Promise.all([bus.stop(), bus.stop()]);
    await bus.stop();
    await expect(bus.publish([corner().record('a')])).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
    await expect(bus.ping()).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
  });
}
