import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeWithOwnKafka, eventually, KAFKA_PROGRAM } from '@herald/testing';
import type { Bus, BusRecord } from '../bus';
import { Audience } from '../testing/audience';
import { kafkaBus } from './kafka-bus';

const run = promisify(execFile);
const TOPIC = 'herald.callback.v1';
const TIMEOUT_MS = 150_000;
/** A member of a group counts as there for its session after the broker is back; its records wait so long. */
const BACK_WITHIN_MS = 90_000;

/** A broker of this spec's own, which it may kill. */
describeWithOwnKafka('a broker that is killed and comes back', () => {
  let directory: string;
  let bus: Bus;
  let port: string;
  const dead: Error[] = [];

  const broker = async (...flags: string[]) => {
    const { stdout } = await run(process.execPath, [
      '-r',
      'tsx/cjs',
      KAFKA_PROGRAM,
      '--directory',
      directory,
      ...flags,
    ]);
    return (stdout === '' ? {} : JSON.parse(stdout)) as { broker: string; pid: number };
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'herald-outage-'));
    const started = await broker();
    port = started.broker.split(':')[1] ?? '';
    bus = await kafkaBus({
      ...{ connection: { brokers: [started.broker], clientId: 'outage' }, partitions: 2 },
      ...{ clock: { monotonicMs: () => performance.now() }, retryDelaysMs: [10] },
      ...{ onTrouble: () => undefined, onDead: (error) => dead.push(error) },
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await bus.stop();
    await broker('--stop');
    await rm(directory, { recursive: true });
  }, TIMEOUT_MS);

  const record = (id: string): BusRecord => ({
    ...{ topic: TOPIC, key: id, id, type: 't', source: 'outage', time: new Date(0), payload: new Uint8Array([1]) },
  });

  it(
    'costs publishers a typed refusal and loses nothing that was taken',
    async () => {
      const audience = new Audience(bus, { topic: TOPIC, group: 'outage', source: 'outage' });
      const [before, during, after] = [record(randomUUID()), record(randomUUID()), record(randomUUID())];
      await bus.publish([before]);
      await audience.hasHandled([before]);
      process.kill((await broker()).pid, 'SIGKILL');
      await expect(bus.publish([during])).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE', retryable: true });
      await expect(bus.ping()).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
      await broker('--port', port);
      await eventually(() => bus.publish([during, after]), BACK_WITHIN_MS);
      await eventually(() => bus.ping(), BACK_WITHIN_MS);
      await audience.hasHandled([during, after]);
      expect(dead).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
