import type { BusRecord } from '@herald/bus';
import { HeraldError } from '@herald/errors';
import { eventually, testDatabase, type TestDatabase } from '@herald/testing';
import { ORG, sampleMigrations } from '../test/sample';
import { appendOutbox, type OutboxEvent } from './outbox';
import { outboxRelay, type OutboxRelay } from './outbox-relay';

const eventOf = (id: number, partition?: number): OutboxEvent => ({
  topic: 'herald.sample.v1',
  key: ORG,
  ...(partition === undefined ? {} : { partition }),
  type: 'herald.event.v1.Sample',
  id: `0190a000-0000-7000-8000-${String(id).padStart(12, '0')}`,
  time: new Date('2026-11-24T12:00:00Z'),
  payload: Buffer.from([id]),
});

describe('outboxRelay', () => {
  let test: TestDatabase;
  const relays: OutboxRelay[] = [];

  beforeAll(async () => {
    test = await testDatabase({ service: 'sample', migrations: sampleMigrations });
  });
  afterAll(() => test.close());
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await test.asOwner('truncate outbox');
  });

  const append = (...events: OutboxEvent[]) => test.database.transaction(ORG, (tx) => appendOutbox(tx, events));
  const left = () => test.asOwner('select id from outbox order by id');
  const relayTo = (
    publish: (records: readonly BusRecord[]) => Promise<void>,
    onError = (error: unknown) => void error,
  ) => {
    const relay = outboxRelay({ database: test.database, publish, source: 'sample-service', onError });
    relays.push(relay);
    relay.start();
    return relay;
  };

  it('publishes what a committed transaction appended, then forgets it', async () => {
    const published: BusRecord[] = [];
    relayTo((records) => Promise.resolve(void published.push(...records)));
    await append(eventOf(1, 7), eventOf(2));
    await eventually(() => expect(published).toHaveLength(2));
    expect(published[0]).toEqual({ ...eventOf(1, 7), source: 'sample-service' });
    expect(published[1]).not.toHaveProperty('partition');
    await eventually(async () => expect(await left()).toEqual([]));
  });

  it('P3: publishes nothing of a transaction that was rolled back', async () => {
    const published: BusRecord[] = [];
    relayTo((records) => Promise.resolve(void published.push(...records)));
    const failing = test.database.transaction(ORG, async (tx) => {
      await appendOutbox(tx, [eventOf(1)]);
      throw new Error('after all not');
    });
    await expect(failing).rejects.toThrow('after all not');
    await append(eventOf(2));
    await eventually(() => expect(published.map(({ id }) => id)).toEqual([eventOf(2).id]));
  });

  it('publishes again what the bus did not take, and tells of it', async () => {
    const errors: unknown[] = [];
    let tries = 0;
    relayTo(
      () => {
        tries += 1;
        return tries === 1 ? Promise.reject(new Error('the bus is away')) : Promise.resolve();
      },
      (error) => void errors.push(error),
    );
    await append(eventOf(1));
    await eventually(async () => expect(await left()).toEqual([]));
    expect(tries).toBe(2);
    expect(errors).toEqual([new Error('the bus is away')]);
  });

  it('does not publish again what the bus took when it did not take another partition', async () => {
    const published: (number | undefined)[] = [];
    const refused: number[] = [];
    let isDown = true;
    relayTo((records) => {
      const partitions = records.map(({ partition }) => partition);
      if (!isDown || !partitions.includes(3)) return Promise.resolve(void published.push(...partitions));
      refused.push(records.length);
      return Promise.reject(new HeraldError('BUS_UNAVAILABLE', 'No leader.'));
    });
    await append(eventOf(1, 3), eventOf(2, 4), eventOf(3, 3), eventOf(4));
    await eventually(async () => expect(await left()).toEqual([{ id: eventOf(1).id }, { id: eventOf(3).id }]));
    expect(published.toSorted()).toEqual([4, undefined]);
    // Where the bus is away no record is at fault, and none is tried alone.
    expect(new Set(refused)).toEqual(new Set([2]));
    isDown = false;
    await eventually(async () => expect(await left()).toEqual([]));
    expect(published.toSorted()).toEqual([3, 3, 4, undefined]);
  });

  it('lets an event that the bus never takes hold up no other, keeps it, and tells of it', async () => {
    const published: string[] = [];
    const errors: unknown[] = [];
    const tooLarge = new Error('the record is too large');
    relayTo(
      (records) => {
        if (records.some(({ id }) => id === eventOf(2).id)) return Promise.reject(tooLarge);
        return Promise.resolve(void published.push(...records.map(({ id }) => id)));
      },
      (error) => void errors.push(error),
    );
    await append(eventOf(1), eventOf(2), eventOf(3));
    await eventually(() => expect(published).toEqual([eventOf(1).id, eventOf(3).id]));
    await append(eventOf(4));
    await eventually(() => expect(published).toHaveLength(3));
    await eventually(async () => expect(await left()).toEqual([{ id: eventOf(2).id }]));
    expect(new Set(errors)).toEqual(new Set([tooLarge]));
  });

  it('tells why the bus took nothing also when the database is away by then', async () => {
    const errors: unknown[] = [];
    const noBus = new HeraldError('BUS_UNAVAILABLE', 'No leader.');
    const relay = relayTo(
      async () => {
        await test.asOwner('alter table outbox rename to gone');
        throw noBus;
      },
      (error) => void errors.push(error),
    );
    try {
      await append(eventOf(1));
      await eventually(() => expect(errors.length).toBeGreaterThan(1));
      expect(errors[0]).toBe(noBus);
    } finally {
      await relay.stop();
      await test.asOwner('alter table gone rename to outbox');
    }
  });

  it('takes 500 rows a round also when the planner believes that there are none', async () => {
    const many = (from: number, count: number) => Array.from({ length: count }, (_, index) => eventOf(from + index));
    // What a burst leaves once it is published: many pages, and by the statistics one row in them.
    await append(...many(0, 5_000));
    await test.asOwner('delete from outbox where id <> $1', [eventOf(4_999).id]);
    await test.asOwner('vacuum (analyze) outbox');
    await append(...many(0, 1_200));
    const sizes: number[] = [];
    relayTo((records) => Promise.resolve(void sizes.push(records.length)));
    await eventually(async () => expect(await left()).toEqual([]));
    expect(sizes).toEqual([500, 500, 201]);
  });

  it('P3: leaves what a relay has claimed to it while its lease holds, and publishes it again after its death', async () => {
    const { promise: dead, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const killed = relayTo(() => {
      reach();
      return dead;
    });
    await append(eventOf(1));
    await reached;
    const stopped = killed.stop();
    const published: string[] = [];
    relayTo((records) => Promise.resolve(void published.push(...records.map(({ id }) => id))));
    await append(eventOf(2));
    await eventually(async () => expect(await left()).toEqual([{ id: eventOf(1).id }]));
    expect(published).toEqual([eventOf(2).id]);
    await test.asOwner(`update outbox set leased_until = leased_until - interval '60 seconds'`);
    await eventually(() => expect(published).toEqual([eventOf(2).id, eventOf(1).id]));
    letGo();
    await stopped;
  });

  it('shares the rows among several relays, each row to one', async () => {
    await append(...Array.from({ length: 1_200 }, (_, index) => eventOf(index)));
    const published: string[] = [];
    const publish = (records: readonly BusRecord[]) =>
      Promise.resolve(void published.push(...records.map(({ id }) => id)));
    relayTo(publish);
    relayTo(publish);
    await eventually(() => expect(published).toHaveLength(1_200));
    expect(new Set(published).size).toBe(1_200);
  });

  it('does not let a slow consumer hold up what others announce', async () => {
    const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
    const published: string[] = [];
    const { promise: handedOver, resolve: handOver } = Promise.withResolvers<void>();
    relayTo(async (records) => {
      if (records.some(({ id }) => id === eventOf(1).id)) {
        handOver();
        await slow;
      }
      published.push(...records.map(({ id }) => id));
    });
    await append(eventOf(1));
    await handedOver;
    await append(eventOf(2));
    await eventually(() => expect(published).toEqual([eventOf(2).id]));
    finish();
    await eventually(() => expect(published).toHaveLength(2));
  });

  it('is woken by each commit, and by the end of a round where all were taken', async () => {
    // The poll never comes.
    jest.useFakeTimers({
      doNotFake: ['Date', 'performance', 'nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'],
    });
    try {
      const published: string[] = [];
      const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
      relayTo((records) => {
        published.push(...records.map(({ id }) => id));
        return slow;
      });
      for (let id = 1; id <= 4; id += 1) {
        await append(eventOf(id));
        await eventually(() => expect(published).toHaveLength(id));
      }
      await append(eventOf(5));
      expect(published).toHaveLength(4);
      finish();
      await eventually(() => expect(published).toHaveLength(5));
    } finally {
      jest.useRealTimers();
    }
  });

  it('P3: waits at its stop for the round under way, and never publishes inside a transaction of its own', async () => {
    const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
    const relay = relayTo(() => slow);
    await append(eventOf(1));
    await eventually(async () => {
      const [row] = await test.asOwner<{ isLeased: boolean }>(
        `select leased_until > clock_timestamp() as "isLeased" from outbox`,
      );
      expect(row?.isLeased).toBe(true);
    });
    const stopped = relay.stop();
    const open = await test.asOwner(
      `select pid from pg_stat_activity
        where datname = current_database() and application_name like 'herald-sample-%'
          and state like 'idle in transaction%'`,
    );
    expect(open).toEqual([]);
    finish();
    await stopped;
    expect(await left()).toEqual([]);
  });
});
