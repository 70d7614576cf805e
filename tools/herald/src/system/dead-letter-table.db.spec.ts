import { randomUUID } from 'node:crypto';
import { inProcessBus, type Bus, type DeadLetter, type Subscription } from '@herald/bus';
import { configureLogs } from '@herald/telemetry';
import { eventually, testDatabase, type TestDatabase } from '@herald/testing';
import { v7 as uuidv7 } from 'uuid';
import { deadLetterTable, deleteMarked, markedRecords } from './dead-letter-table';
import { busMigrations, deadLetterStore } from './dead-letters';
import { openDeadLetters } from './open-dead-letters';
import { startRedriver } from './redriver';

const TOPIC = 'herald.callback.v1';
const EVERYTHING = { size: 100 };

describe('the table of dead letters', () => {
  let test: TestDatabase;
  const open: { stop(): unknown }[] = [];

  beforeAll(async () => {
    configureLogs({ level: 'silent' });
    test = await testDatabase({ service: 'bus', migrations: busMigrations });
  });
  beforeEach(() => test.asOwner('truncate dead_letter'));
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.stop();
  });
  afterAll(async () => {
    await test.close();
    configureLogs({ level: 'info' });
  });

  const desk = () => deadLetterTable(test.database);
  const letter = (group: string, id = uuidv7()): DeadLetter => ({
    record: {
      ...{ topic: TOPIC, key: 'a', partition: 2, id, type: 'herald.event.v1.ProviderCallbacks', source: 'gateway' },
      ...{ time: new Date('2026-01-01T00:00:00.123Z'), payload: Buffer.from([1, 2]), traceparent: '00-a-b-01' },
    },
    ...{ group, reason: 'TypeError', tries: 5 },
  });
  const kept = async (...letters: DeadLetter[]) => {
    for (const each of letters) await deadLetterStore(test.database).add(each);
    return letters.map(({ record }) => record.id);
  };
  const busOf = (handler: Subscription['handler'], group = 'one'): Bus => {
    const bus = inProcessBus({
      ...{ partitions: 4, deadLetters: deadLetterStore(test.database), retryDelaysMs: [1] },
      clock: { monotonicMs: () => performance.now() },
    });
    bus.subscribe({ topic: TOPIC, group, handler });
    open.push(bus);
    return bus;
  };

  it('gives a letter back as it was written, with when that was', async () => {
    const written = letter('one');
    const [id = ''] = await kept(written);
    const { letters, total } = await desk().read({ recordIds: [id] }, EVERYTHING);
    expect({ letters, total }).toEqual({ letters: [{ ...written, deadAt: expect.any(Date) }], total: 1 });
  });

  it('is missed with advice in a database where no Herald ever ran', async () => {
    const other = await testDatabase({ service: 'nobus', migrations: [] });
    const opening = openDeadLetters('/nowhere', { HERALD_DATABASE_URL: other.url });
    await expect(opening).rejects.toThrow('no Herald ever kept its events in one process there');
    await other.close();
  });

  it('lists in pages, oldest record first, and counts all that are meant', async () => {
    const [first, second, third] = [letter('b'), letter('a'), letter('a')];
    await kept(third, second, first, letter('other'), { ...first, group: 'a' });
    const page = await desk().read({ topic: TOPIC, group: 'a' }, { size: 2 });
    expect(page.total).toBe(3);
    expect(page.letters.map(({ record }) => record.id)).toEqual([first.record.id, second.record.id]);
    const [, last] = page.letters;
    const after = { recordId: last?.record.id ?? '', group: last?.group ?? '' };
    const next = await desk().read({ topic: TOPIC, group: 'a' }, { size: 2, after });
    expect(next.letters.map(({ record }) => record.id)).toEqual([third.record.id]);
    const both = await desk().read(
      { recordIds: [first.record.id] },
      { size: 1, after: { ...after, recordId: first.record.id } },
    );
    expect(both.letters.map(({ group }) => group)).toEqual(['b']);
  });

  it('marks nothing when an id has no letter, or is none at all, and names those', async () => {
    const ids = await kept(letter('one'));
    const strangers = [randomUUID(), 'nonsense'];
    expect(await desk().redrive({ recordIds: [...ids, ...strangers] })).toMatchObject({
      unknown: strangers,
      records: 0,
    });
    expect(await markedRecords(test.database, 10)).toEqual([]);
  });

  it('marks every letter of a record that one group could not handle, since all groups get it again', async () => {
    const [first, second] = [letter('one'), letter('one')];
    await kept(first, { ...first, group: 'two' }, second, letter('two'));
    expect(await desk().redrive({ topic: TOPIC, group: 'one' })).toEqual({
      ...{ records: 2, how: 'marked', left: 0, unknown: [] },
    });
    const marked = await markedRecords(test.database, 10);
    expect(marked.map(({ letter: { record }, marks }) => [record.id, marks.length])).toEqual([
      [first.record.id, 2],
      [second.record.id, 1],
    ]);
  });

  it('has what is marked published as it was, and deletes it after that', async () => {
    const redriven = letter('one');
    await kept(redriven, letter('one'));
    const handled: unknown[] = [];
    const bus = busOf(async (records) => void handled.push(...records));
    open.push(startRedriver(bus, test.database));
    await desk().redrive({ recordIds: [redriven.record.id] });
    await eventually(async () => expect((await desk().read({}, EVERYTHING)).total).toBe(1));
    expect(handled).toEqual([redriven.record]);
  });

  it('keeps the new letter of a record that fails again, and does not redrive it for ever', async () => {
    const redriven = letter('one');
    const [id = ''] = await kept(redriven);
    let runs = 0;
    const bus = busOf(() => {
      runs += 1;
      throw new RangeError('The handler is not repaired yet.');
    });
    open.push(startRedriver(bus, test.database));
    await desk().redrive({ recordIds: [id] });
    const { letters } = await eventually(async () => {
      const now = await desk().read({ recordIds: [id] }, EVERYTHING);
      expect(now.letters[0]?.reason).toBe('RangeError');
      return now;
    });
    expect(letters).toHaveLength(1);
    expect(runs).toBe(2);
    expect(await markedRecords(test.database, 10)).toEqual([]);
  });

  it('leaves a record marked that the bus refused, for the next start', async () => {
    const [id = ''] = await kept(letter('one'));
    const refused = Promise.withResolvers<void>();
    const stopped = startRedriver(
      {
        publish: () => {
          refused.resolve();
          return Promise.reject(new Error('The bus has stopped.'));
        },
      },
      test.database,
    );
    await desk().redrive({ recordIds: [id] });
    await refused.promise;
    await stopped.stop();
    expect((await markedRecords(test.database, 10)).map(({ letter: { record } }) => record.id)).toEqual([id]);
  });

  it('does not delete what was marked anew since it was taken', async () => {
    const [id = ''] = await kept(letter('one'));
    await desk().redrive({ recordIds: [id] });
    const [taken] = await markedRecords(test.database, 10);
    await desk().redrive({ recordIds: [id] });
    if (taken) await deleteMarked(test.database, taken);
    expect((await desk().read({}, EVERYTHING)).total).toBe(1);
  });
});
