import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { HeraldError } from '@herald/errors';
import type { BusRecord, DeadLetter, DeadLetterStore, DeliveredRecord } from './bus';
import { RETRY_DELAYS_MS, TRIES_WITHIN_MS } from './delivery';
import type { DeliveryFault } from './delivery';
import { inProcessBus } from './in-process-bus';
import type { InProcessBusOptions } from './in-process-bus';
import { BATCH_RECORDS_MAX, LANE_RECORDS_MAX } from './lane';
import { partitionOf } from './partition';
import { busContract } from './testing';
import { Audience, gate } from './testing/audience';
import { poisoned } from './testing/poison';

const TOPIC = 'herald.dispatch.v1';
const SOURCE = 'in-process-bus.spec';
const NO_WAITS = [0, 0, 0, 0];

class LettersInMemory implements DeadLetterStore {
  readonly letters: DeadLetter[] = [];
  async add(letter: DeadLetter): Promise<void> {
    this.letters.push(letter);
  }
}

/** Fails as often as it is told to, then keeps what it is given. */
class LettersThatFailAtFirst extends LettersInMemory {
  constructor(private failures: number) {
    super();
  }
  override async add(letter: DeadLetter): Promise<void> {
    this.failures -= 1;
    if (this.failures >= 0) throw new Error('The store does not answer.');
    await super.add(letter);
  }
}

function setUp(options: Partial<InProcessBusOptions> = {}) {
  const deadLetters = new LettersInMemory();
  const faults: DeliveryFault[] = [];
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const onFault = (fault: DeliveryFault) => void faults.push(fault);
  const bus = inProcessBus({ partitions: 4, deadLetters, clock, onFault, retryDelaysMs: NO_WAITS, ...options });
  const audience = (group: string, reaction?: ConstructorParameters<typeof Audience>[2]) =>
    new Audience(bus, { topic: TOPIC, group, source: SOURCE }, reaction);
  return { bus, deadLetters, faults, clock, audience };
}

const record = (id: string, more: Partial<BusRecord> = {}): BusRecord => ({
  topic: TOPIC,
  key: 'org',
  id,
  type: 'herald.event.v1.BatchReady',
  time: new Date(0),
  source: SOURCE,
  payload: new Uint8Array(),
  ...more,
});
const records = (count: number) => Array.from({ length: count }, (_, at) => record(String(at)));
const idsOf = (list: readonly BusRecord[]) => list.map(({ id }) => id);

busContract('inProcessBus', async (options) => {
  const { bus, deadLetters, faults } = setUp(options);
  const letters = async () => deadLetters.letters;
  return { bus, partitions: 4, deadLetters: letters, faults: () => faults, close: () => bus.stop() };
});

describe('inProcessBus', () => {
  describe('publish', () => {
    it('resolves only when every group has handled every record', async () => {
      const { bus, audience } = setUp();
      const [slow, quick] = [gate(), gate()];
      const groups = [audience('slow', () => slow.opened), audience('quick', () => quick.opened)];
      let isAnswered = false;
      const published = bus.publish(records(3)).then(() => (isAnswered = true));
      quick.open();
      await groups[1]?.hasHandled(records(3));
      expect(isAnswered).toBe(false);
      slow.open();
      await published;
      expect(groups.map((group) => group.ids())).toEqual([idsOf(records(3)), idsOf(records(3))]);
    });

    it('resolves at once when nobody subscribed or nothing is published', async () => {
      const { bus, audience } = setUp();
      await bus.publish(records(2));
      const late = audience('late');
      await bus.publish([]);
      expect(late.handed).toEqual([]);
    });

    it('runs handlers outside the context of the publisher', async () => {
      const context = new AsyncLocalStorage<string>();
      const { bus, audience } = setUp();
      const seen: unknown[] = [];
      audience('one', () => void seen.push(context.getStore()));
      await context.run('a request', () => bus.publish(records(1)));
      expect(seen).toEqual([undefined]);
    });

    it('puts nothing anywhere when one record of the batch is wrong', async () => {
      const { bus, audience } = setUp();
      const group = audience('one');
      await expect(bus.publish([record('good'), record('wrong', { partition: 4 })])).rejects.toThrow('4 partitions');
      await expect(bus.publish([record('good'), record('half', { partition: 0.5 })])).rejects.toThrow('none of them');
      expect(group.handed).toEqual([]);
    });

    it('asks for the partitions of each topic', async () => {
      const { bus, audience } = setUp({ partitions: (topic) => (topic === TOPIC ? 64 : 1) });
      const group = audience('one');
      await bus.publish([record('0', { partition: 63 })]);
      expect(group.handled[0]?.partition).toBe(63);
      await expect(bus.publish([record('1', { topic: 'herald.message.v1', partition: 1 })])).rejects.toThrow();
    });
  });

  describe('a lane', () => {
    it('has one batch in flight, of bounded size', async () => {
      const { bus, audience } = setUp();
      let running = 0;
      const sizes: number[] = [];
      audience('one', async (batch) => {
        running += 1;
        sizes.push(batch.length);
        expect(running).toBe(1);
        await Promise.resolve();
        running -= 1;
      });
      const count = 2 * BATCH_RECORDS_MAX + 1;
      await Promise.all(records(count).map((each) => bus.publish([each])));
      expect(sizes).toEqual([BATCH_RECORDS_MAX, BATCH_RECORDS_MAX, 1]);
    });

    it('refuses what would wait beyond its bound, whole, and takes records again when it has room', async () => {
      const { bus, audience } = setUp();
      const held = gate();
      const group = audience('one', () => held.opened);
      const first = bus.publish([record('first')]);
      await group.isHanded(1);
      const waiting = bus.publish(records(LANE_RECORDS_MAX - 1));
      const two = [record('elsewhere', { partition: 0 }), record('x'), record('y')];
      await expect(bus.publish(two)).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE', retryable: true });
      const last = bus.publish([record('last')]);
      held.open();
      await Promise.all([first, waiting, last]);
      expect(group.ids()).not.toContain('elsewhere');
      await bus.publish(two);
      expect(group.handled).toHaveLength(LANE_RECORDS_MAX + 4);
    });
  });

  describe('a failing handler', () => {
    it('P16: holds its partition up for less than 30 s and no other partition at all', async () => {
      jest.useFakeTimers();
      try {
        const clock = { monotonicMs: () => performance.now() };
        const { bus, deadLetters, audience } = setUp({ retryDelaysMs: RETRY_DELAYS_MS, clock });
        const group = audience('one', (batch) => {
          if (idsOf(batch).includes('poison')) throw new SyntaxError('wrong schema');
        });
        const published = bus.publish([record('poison'), record('behind')]);
        await bus.publish([record('beside', { partition: (partitionOf('org', 4) + 1) % 4 })]);
        expect(group.ids()).toEqual(['beside']);
        await jest.advanceTimersByTimeAsync(TRIES_WITHIN_MS - 1);
        expect(group.ids()).toEqual(['beside', 'behind']);
        expect(deadLetters.letters).toMatchObject([{ record: { id: 'poison' }, reason: 'SyntaxError', tries: 5 }]);
        await published;
      } finally {
        jest.useRealTimers();
      }
    });

    it('P16: buries bad bytes, a wrong type and what a handler throws for within 30 s, and handles their neighbours', async () => {
      jest.useFakeTimers();
      try {
        const clock = { monotonicMs: () => performance.now() };
        const { bus, deadLetters, audience } = setUp({ retryDelaysMs: RETRY_DELAYS_MS, clock });
        const { records: all, good, poison, handler } = poisoned(record);
        const group = audience('one', handler);
        const published = bus.publish(all);
        await jest.advanceTimersByTimeAsync(TRIES_WITHIN_MS - 1);
        expect(group.ids()).toEqual(idsOf(good));
        const letters = deadLetters.letters.map(({ record: { id }, reason }) => [id, reason]);
        expect(Object.fromEntries(letters)).toEqual(poison);
        await published;
      } finally {
        jest.useRealTimers();
      }
    });

    it('is tried no more once 30 s have passed, but each record was tried alone', async () => {
      const { bus, clock, deadLetters, audience } = setUp();
      const group = audience('one', () => {
        clock.nowMs += TRIES_WITHIN_MS / 2 + 1;
        throw new HeraldError('INTERNAL', 'Slow to fail.');
      });
      await bus.publish(records(2));
      expect(group.handed).toEqual([['0', '1'], ['0', '1'], ['0'], ['1']]);
      expect(deadLetters.letters).toMatchObject([
        { record: { id: '0' }, group: 'one', reason: 'INTERNAL: Slow to fail.', tries: 3 },
        { record: { id: '1' }, group: 'one', reason: 'INTERNAL: Slow to fail.', tries: 3 },
      ]);
    });

    it('is reported at each step, and leaves no word of a foreign error in the letter', async () => {
      const { bus, deadLetters, faults, audience } = setUp({ retryDelaysMs: [0] });
      const error = new Error('no such row: +15550100');
      audience('one', () => {
        throw error;
      });
      await bus.publish([record('0')]);
      const fault = { topic: TOPIC, group: 'one', partition: partitionOf('org', 4), recordIds: ['0'], error };
      expect(faults).toEqual([
        { ...fault, tries: 1, next: 'tried-again' },
        { ...fault, tries: 2, next: 'dead-lettered' },
      ]);
      expect(JSON.stringify(deadLetters.letters)).not.toContain('15550100');
    });

    it('is tried again as long as its letter cannot be kept', async () => {
      const deadLetters = new LettersThatFailAtFirst(3);
      const { bus, faults, audience } = setUp({ deadLetters });
      const group = audience('one', () => {
        throw new Error('The handler fails for good.');
      });
      await bus.publish([record('0')]);
      expect(deadLetters.letters).toMatchObject([{ record: { id: '0' }, tries: 8 }]);
      expect(group.handed).toHaveLength(8);
      expect(faults.filter(({ next }) => next === 'letter-not-kept')).toHaveLength(3);
    });

    it('makes no letter when it recovers with the store, as after an outage of the database', async () => {
      const deadLetters = new LettersThatFailAtFirst(Infinity);
      let isDown = true;
      const { bus, audience } = setUp({
        deadLetters,
        onFault: ({ next }) => {
          if (next === 'letter-not-kept') isDown = false;
        },
      });
      const group = audience('one', () => {
        if (isDown) throw new HeraldError('DATABASE_UNAVAILABLE', 'Down.');
      });
      await bus.publish(records(3));
      expect(group.ids()).toEqual(['0', '1', '2']);
      expect(deadLetters.letters).toEqual([]);
    });
  });

  describe('stop', () => {
    it('refuses what fails while it drains, and what stands behind it, instead of waiting', async () => {
      const { bus, audience, deadLetters, faults } = setUp({ retryDelaysMs: [60_000] });
      const group = audience('one', () => {
        throw new Error('It fails.');
      });
      const published = [bus.publish([record('0')]), bus.publish([record('1')])];
      await group.isHanded(1);
      published.push(bus.publish([record('2')]));
      await bus.stop();
      for (const each of published) await expect(each).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
      expect(group.handed).toEqual([['0', '1']]);
      expect(deadLetters.letters).toEqual([]);
      expect(faults).toHaveLength(1);
    });

    it('aborts a handler that goes on beyond the drain limit, and refuses its records', async () => {
      const { bus, audience } = setUp({ drainLimitMs: 1 });
      const group = audience('one', (_, { signal }) => untilAborted(signal));
      const published = bus.publish(records(BATCH_RECORDS_MAX + 1));
      await group.isHanded(1);
      await Promise.all([expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' }), bus.stop()]);
      expect(group.handed).toHaveLength(1);
    });

    it('makes no dead letter of what an aborted handler left undone', async () => {
      const { bus, audience, deadLetters } = setUp({ drainLimitMs: 1, retryDelaysMs: [] });
      const group = audience('one', (_, { signal }) => untilAborted(signal));
      const published = bus.publish(records(1));
      await group.isHanded(1);
      await Promise.all([expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' }), bus.stop()]);
      expect(deadLetters.letters).toEqual([]);
    });

    it('hands over no further record of a split batch beyond the drain limit', async () => {
      const { bus, audience } = setUp({ drainLimitMs: 1 });
      const group = audience('one', async (batch, { signal }) => {
        if (batch.length > 1) throw new Error('It fails as a whole.');
        await untilAborted(signal).catch(() => undefined);
      });
      const published = bus.publish(records(2));
      await group.isHanded(3);
      await Promise.all([expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' }), bus.stop()]);
      expect(group.handed).toEqual([['0', '1'], ['0', '1'], ['0']]);
      expect(group.ids()).toEqual(['0']);
    });

    it('answers the publisher even of a handler that never returns', async () => {
      const { bus, audience } = setUp({ drainLimitMs: 1 });
      const group = audience('one', () => gate().opened);
      const published = bus.publish(records(1));
      await group.isHanded(1);
      await Promise.all([expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' }), bus.stop()]);
    });

    it('gives up when the store of dead letters does not answer', async () => {
      const { bus, audience, deadLetters } = setUp({ deadLetters: new LettersThatFailAtFirst(Infinity) });
      const group = audience('one', () => {
        throw new Error('It fails.');
      });
      const published = bus.publish(records(1));
      await group.isHanded(20);
      await Promise.all([expect(published).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' }), bus.stop()]);
      expect(deadLetters.letters).toEqual([]);
    });

    it('refuses subscriptions afterwards', async () => {
      const { bus, audience } = setUp();
      await bus.stop();
      expect(() => audience('one')).toThrow(expect.objectContaining({ reason: 'BUS_UNAVAILABLE' }));
    });
  });

  it('handles every record or buries it, in order per key, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryDay, async ({ batches, poison, failures }) => {
        const { bus, audience, deadLetters } = setUp({ partitions: 3 });
        const published = batches.map((keys, batch) => keys.map((key, at) => record(`${batch}.${at}`, { key })));
        const all = published.flat();
        const isPoison = ({ id }: BusRecord) => poison.includes(all.findIndex((each) => each.id === id));
        const fates = [...failures];
        const unsteady = audience('unsteady', async (batch: readonly DeliveredRecord[]) => {
          await Promise.resolve();
          if (fates.pop() === true || batch.some(isPoison)) throw new Error('It fails.');
        });
        const steady = audience('steady');
        await Promise.all(published.map((batch) => bus.publish(batch)));
        expect(steady.ids().toSorted()).toEqual(idsOf(all).toSorted());
        const buried = deadLetters.letters.map((letter) => letter.record);
        expect([...unsteady.ids(), ...idsOf(buried)].toSorted()).toEqual(idsOf(all).toSorted());
        expect(all.filter(isPoison).every(({ id }) => idsOf(buried).includes(id))).toBe(true);
        for (const key of KEYS) {
          const published = idsOf(all.filter((each) => each.key === key));
          expect(idsOf(steady.handled.filter((each) => each.key === key))).toEqual(published);
          const handled = idsOf(unsteady.handled.filter((each) => each.key === key));
          expect(handled).toEqual(published.filter((id) => handled.includes(id)));
        }
      }),
      { numRuns: 60 },
    );
  });
});

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const arbitraryDay = fc.record({
  batches: fc.array(fc.array(fc.constantFrom(...KEYS), { maxLength: 12 }), { maxLength: 6 }),
  /** Places, among all records, of those that can never be handled. */
  poison: fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 3 }),
  /** Which of the handler's runs fail by chance. */
  failures: fc.array(fc.boolean(), { maxLength: 12 }),
});

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('Aborted.'))));
}
