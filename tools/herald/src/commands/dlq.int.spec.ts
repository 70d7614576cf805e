import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationChanged } from '@herald/contracts/event';
import { removeLocalServer, startLocalServer } from '@herald/postgres/local-server';
import type { Running } from '@herald/service';
import { configureLogs } from '@herald/telemetry';
import { eventually } from '@herald/testing';
import { v7 as uuidv7 } from 'uuid';
import { deadLetterStore, openBusDatabase } from '../system/dead-letters';
import { startSystem } from '../system/start-system';
import { program } from './program';

const RECORD = {
  ...{ topic: 'herald.configuration.v1', key: 'a', partition: 0, source: 'configuration-service' },
  ...{ type: 'herald.event.v1.ConfigurationChanged', time: new Date('2026-01-01T00:00:00Z') },
};

describe('herald dlq, where Herald runs in one process', () => {
  let home: string;
  let system: Running;
  let keepLetter: (id: string) => Promise<void>;

  beforeAll(async () => {
    configureLogs({ level: 'silent' });
    home = await mkdtemp(join(tmpdir(), 'herald-dlq-'));
    const started = await startSystem({ home, portBase: 0, environment: {}, kafka: false, simulator: undefined });
    system = started;
    const { url } = await startLocalServer({ directory: join(home, 'postgres'), port: started.file.ports.postgres });
    keepLetter = async (id) => {
      const database = await openBusDatabase(url);
      const payload = ConfigurationChanged.encode(ConfigurationChanged.create({ orgId: 'acme' })).finish();
      const letter = { record: { ...RECORD, id, payload }, group: 'dispatch-service', reason: 'TypeError', tries: 5 };
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
    await keepLetter(id);
    expect(await dlq('list')).toContain(`total: 1\ndeadLetters:\n  - id: ${id}\n`);
    expect(await dlq('show', id)).toContain('event:\n  orgId: acme\n');
    expect(JSON.parse(await dlq('redrive', id, '--json'))).toMatchObject({ marked: 1 });
    await eventually(async () => expect(JSON.parse(await dlq('list', '--json'))).toMatchObject({ total: 0 }));
  });
});
