import { randomUUID } from 'node:crypto';
import { kafkaBus, type Bus, type BusRecord, type DeliveredRecord } from '@herald/bus';
import { ProviderCallbacks } from '@herald/contracts/event';
import { describeWithKafka } from '@herald/testing';
import { program } from './program';

/** Other specs of the run leave records without our headers in other topics, which each new group buries. */
const TOPIC = 'herald.conversation.v1';
const TIMEOUT_MS = 120_000;

describeWithKafka('herald dlq', (kafka) => {
  let bus: Bus;
  let isRepaired: boolean;
  let group: string;
  const handled: DeliveredRecord[] = [];
  const dead: Error[] = [];
  let wake = () => {};
  /** What the group could not handle, as the bus tells it. */
  const buried: string[] = [];

  beforeAll(async () => {
    bus = await kafkaBus({
      ...{ connection: { brokers: [kafka().broker], clientId: 'dlq-spec' }, partitions: 4, retryDelaysMs: [1_000] },
      ...{ clock: { monotonicMs: () => performance.now() }, onTrouble: () => undefined },
      onDead: (error) => dead.push(error),
      onFault: ({ next, recordIds }) => {
        if (next === 'dead-lettered') buried.push(...recordIds);
        wake();
      },
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await bus.stop();
    expect(dead).toEqual([]);
  }, TIMEOUT_MS);
  beforeEach(() => {
    isRepaired = false;
    group = `dlq-${randomUUID()}`;
    const mine = group;
    bus.subscribe({
      ...{ topic: TOPIC, group },
      handler: async (records) => {
        const own = records.filter(({ source }) => source === mine);
        if (!isRepaired && own.some(({ id }) => id.endsWith('-poison'))) throw new TypeError('Poison.');
        handled.push(...own);
        wake();
      },
    });
  });
  afterEach(() => jest.restoreAllMocks());

  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const hasHandled = (id: string) => until(() => handled.some((record) => record.id === id));
  const isBuried = (id: string) => until(() => buried.includes(id));
  const record = (id: string, more: Partial<BusRecord> = {}): BusRecord => ({
    ...{ topic: TOPIC, key: 'path/SM1', partition: 3, id, type: 'herald.event.v1.ProviderCallbacks', source: group },
    time: new Date('2026-01-01T00:00:00Z'),
    payload: ProviderCallbacks.encode(ProviderCallbacks.create()).finish(),
    ...more,
  });
  const dlq = async (...words: string[]): Promise<unknown> => {
    const out: string[] = [];
    const keep = (text: string | Uint8Array) => out.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
    const exitCode = process.exitCode;
    const environment = { HERALD_KAFKA_BROKERS: [kafka().broker] };
    const line = ['node', 'herald', 'dlq', ...words, '--json'];
    await program({ environment, inherited: {}, home: '/nowhere' }).parseAsync(line);
    process.exitCode = exitCode;
    jest.restoreAllMocks();
    return JSON.parse(out.filter((text) => text.startsWith('{')).join(''));
  };
  const own = () => ['--topic', TOPIC, '--group', group];

  it(
    'finds poison, shows it, and brings it again once its handler is repaired',
    async () => {
      const poison = record(`${randomUUID()}-poison`);
      await bus.publish([poison]);
      await isBuried(poison.id);
      expect(await dlq('list', ...own())).toMatchObject({
        ...{ total: 1, nextPageToken: '' },
        deadLetters: [{ id: poison.id, topic: TOPIC, group, reason: 'TypeError', tries: 2 }],
      });
      expect(await dlq('show', poison.id)).toMatchObject({
        ...{ id: poison.id, key: 'path/SM1', partition: 3, event: {}, letters: [{ group, reason: 'TypeError' }] },
      });
      isRepaired = true;
      expect(await dlq('redrive', poison.id)).toEqual({ published: 1, left: 0 });
      await hasHandled(poison.id);
      expect(handled.find(({ id }) => id === poison.id)).toEqual({ ...poison, payload: expect.anything() });
      expect(await dlq('list', ...own())).toMatchObject({ total: 0, deadLetters: [] });
      expect(await dlq('redrive', poison.id)).toMatchObject({
        error: { message: expect.stringContaining(`There is no dead letter of a record ${poison.id}`) },
      });
    },
    TIMEOUT_MS,
  );

  it(
    'redrives all that a group could not handle, and of what fails again there is a letter again',
    async () => {
      const poison = [1, 2, 3].map((number) => record(`${number}-${randomUUID()}-poison`));
      await bus.publish(poison);
      for (const { id } of poison) await isBuried(id);
      const first = (await dlq('list', ...own(), '--page-size', '2')) as { nextPageToken: string };
      expect(first).toMatchObject({ total: 3, deadLetters: [{ id: poison[0]?.id }, { id: poison[1]?.id }] });
      const next = await dlq('list', ...own(), '--page-size', '2', '--page-token', first.nextPageToken);
      expect(next).toMatchObject({ total: 3, deadLetters: [{ id: poison[2]?.id }], nextPageToken: '' });
      expect(await dlq('redrive', ...own(), '--all')).toEqual({ published: 3, left: 0 });
      await until(() => buried.filter((id) => id === poison[2]?.id).length === 2);
      expect(await dlq('list', ...own())).toMatchObject({ total: 3 });
    },
    TIMEOUT_MS,
  );
});
