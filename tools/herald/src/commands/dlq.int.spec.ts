import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BusRecord } from '@herald/bus';
import { ConfigurationChanged, ProviderCallback, ProviderCallbacks } from '@herald/contracts/event';
import { removeLocalServer, startLocalServer } from '@herald/postgres/local-server';
import type { Running } from '@herald/service';
import { configureLogs } from '@herald/telemetry';
import { eventually } from '@herald/testing';
import { v7 as uuidv7 } from 'uuid';
import { deadLetterStore, openBusDatabase } from '../system/dead-letters';
import { startSystem } from '../system/start-system';
import { program } from './program';

const changed = (id: string): BusRecord => ({
  ...{ topic: 'herald.configuration.v1', key: 'a', id, type: 'herald.event.v1.ConfigurationChanged', source: 'spec' },
  time: new Date('2026-01-01T00:00:00Z'),
  payload: ConfigurationChanged.encode(ConfigurationChanged.create({ orgId: 'acme' })).finish(),
});
const callback = (payload: Uint8Array): BusRecord => ({
  ...{ topic: 'herald.callback.v1', key: 'a', id: uuidv7(), type: 'herald.event.v1.ProviderCallbacks', source: 'spec' },
  ...{ time: new Date('2026-01-01T00:00:00Z'), payload },
});
/** A field of 200 bytes, of which there is one. */
const TRUNCATED = new Uint8Array([10, 200, 1, 65]);
const NOBODY = '0190a000-0000-7000-8000-000000000000';
/** The time of P16, and that in which the running system looks for what is marked. */
const WITHIN_MS = 32_000;

describe('herald dlq, where Herald runs in one process', () => {
  let home: string;
  let system: Running;
  let keepLetter: (record: BusRecord) => Promise<void>;

  beforeAll(async () => {
    configureLogs({ level: 'silent' });
    home = await mkdtemp(join(tmpdir(), 'herald-dlq-'));
    const started = await startSystem({ home, portBase: 0, environment: {}, kafka: false, simulator: undefined });
    system = started;
    const { url } = await startLocalServer({ directory: join(home, 'postgres'), port: started.file.ports.postgres });
    keepLetter = async (record) => {
      const database = await openBusDatabase(url);
      const letter = { record: { ...record, partition: 0 }, group: 'dispatch-service', reason: 'Kept', tries: 5 };
      await deadLetterStore(database).add(letter);
      await database.close();
    };
  });
  afterAll(async () => {
    await system.stop();
    await removeLocalServer(join(home, 'postgres'));
    await rm(home, { recursive: true });
    configureLogs({ level: 'info' });
  });
  afterEach(() => jest.restoreAllMocks());

  const dlq = async (...words: string[]) => {
    let out = '';
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => (out += String(text)) !== '');
    await program({ environment: {}, inherited: {}, home }).parseAsync(['node', 'herald', 'dlq', ...words]);
    jest.restoreAllMocks();
    return out;
  };

  it('lists a letter, shows its event, and the running system takes it up when it is redriven', async () => {
    const id = uuidv7();
    await keepLetter(changed(id));
    expect(await dlq('list')).toContain(`total: 1\ndeadLetters:\n  - id: ${id}\n`);
    expect(await dlq('show', id)).toContain('event:\n  orgId: acme\n');
    expect(JSON.parse(await dlq('redrive', id, '--json'))).toMatchObject({ marked: 1 });
    await eventually(async () => expect(JSON.parse(await dlq('list', '--json'))).toMatchObject({ total: 0 }));
  });

  it(
    'P16: passes bytes that are no callback through dispatch once more, which handles their neighbours and buries them again',
    async () => {
      const aboutNobody = ProviderCallback.create({ orgId: NOBODY, channelAccountId: NOBODY });
      const good = ProviderCallbacks.encode({ callbacks: [aboutNobody] }).finish();
      const [before, poison, behind] = [callback(good), callback(TRUNCATED), callback(good)];
      for (const record of [before, poison, behind]) await keepLetter(record);
      await dlq('redrive', before.id, poison.id, behind.id);
      const buried = await eventually(async () => {
        const { deadLetters } = JSON.parse(await dlq('list', '--json')) as { deadLetters: { reason: string }[] };
        expect(deadLetters).toEqual([expect.objectContaining({ id: poison.id, group: 'dispatch-service' })]);
        expect(deadLetters[0]?.reason).not.toBe('Kept');
        return deadLetters;
      }, WITHIN_MS);
      expect(buried[0]).toMatchObject({ reason: 'RangeError', tries: 5 });
    },
    2 * WITHIN_MS,
  );
});
