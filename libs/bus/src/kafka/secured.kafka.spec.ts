import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describeWithOwnKafka, KAFKA_PROGRAM } from '@herald/testing';
import type { BusRecord } from '../bus';
import { Audience } from '../testing/audience';
import type { KafkaConnection } from './connect';
import { kafkaBus } from './kafka-bus';

const run = promisify(execFile);
const CERTIFICATES = resolve(__dirname, '../../test/certificates');
const pem = (name: string) => readFileSync(join(CERTIFICATES, `${name}.pem`), 'utf8');
const USERNAME = 'herald';
const PASSWORD = randomUUID();
const TIMEOUT_MS = 120_000;
/** What a repetition does not mend is told before kafkajs has repeated it for nine seconds. */
const AT_ONCE_MS = 5_000;

/** A broker of this spec's own, that takes nobody without TLS, a certificate and a login. */
describeWithOwnKafka('a broker that wants TLS, a certificate and a login', () => {
  let directory: string;
  let broker: string;
  const program = async (...flags: string[]) => {
    const args = ['-r', 'tsx/cjs', KAFKA_PROGRAM, '--directory', join(directory, 'kafka'), ...flags];
    return (await run(process.execPath, args)).stdout;
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'herald-secured-'));
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, PASSWORD);
    const login = ['--username', USERNAME, '--password-file', passwordFile];
    const tlsFlags = ['--certificate', join(CERTIFICATES, 'broker.pem')];
    const authority = ['--client-authority', join(CERTIFICATES, 'authority.pem')];
    const started = await program(...tlsFlags, ...authority, ...login);
    broker = (JSON.parse(started) as { broker: string }).broker;
  }, TIMEOUT_MS);
  afterAll(async () => {
    await program('--stop');
    await rm(directory, { recursive: true });
  }, TIMEOUT_MS);

  /** Any certificate of the authority will do for a client. */
  const own = { cert: pem('broker'), key: pem('broker') };
  const tls = { ca: pem('authority'), ...own };
  const login = { mechanism: 'scram-sha-512', username: USERNAME, password: PASSWORD } as const;
  const dead: Error[] = [];
  const open = (how: Pick<KafkaConnection, 'tls' | 'login'>) =>
    kafkaBus({
      ...{ connection: { brokers: [broker], clientId: 'secured', ...how }, partitions: 2 },
      ...{ clock: { monotonicMs: () => performance.now() }, onTrouble: () => undefined },
      onDead: (error) => dead.push(error),
    });
  const refusalOf = async (how: Pick<KafkaConnection, 'tls' | 'login'>) => {
    const startedMs = performance.now();
    const error = await open(how).then(
      (bus) => bus.stop().then(() => Promise.reject(new Error('It was not refused.'))),
      (refusal: unknown) => refusal as Error & { code: string },
    );
    expect(error.message).not.toContain(PASSWORD);
    return { code: error.code, text: error.message, tookMs: performance.now() - startedMs };
  };

  it.each(['scram-sha-512', 'plain'] as const)(
    'takes records and hands them over, to who trusts its authority and logs in by %s',
    async (mechanism) => {
      const bus = await open({ tls, login: { ...login, mechanism } });
      const group = `secured-${mechanism}`;
      const audience = new Audience(bus, { topic: 'herald.callback.v1', group, source: 'secured' });
      const record: BusRecord = {
        ...{ topic: 'herald.callback.v1', key: 'a', id: randomUUID(), type: 't', source: 'secured' },
        ...{ time: new Date(0), payload: new Uint8Array([1]) },
      };
      await bus.publish([record]);
      await audience.hasHandled([record]);
      await bus.ping();
      await bus.stop();
      expect(dead).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['a wrong password', { tls, login: { ...login, password: 'guessed' } }, 'LOGIN_REFUSED', 'invalid credentials'],
    ['an unknown user', { tls, login: { ...login, username: 'nobody' } }, 'LOGIN_REFUSED', 'invalid credentials'],
    [
      'another mechanism',
      { tls, login: { ...login, mechanism: 'scram-sha-256' as const } },
      ...['LOGIN_REFUSED', 'does not support the requested SASL mechanism'],
    ],
    ['no login', { tls }, 'CONNECTION_CLOSED', 'want TLS or a login and get none'],
    [
      'one who shows no certificate',
      { tls: { ca: pem('authority') }, login },
      ...['CERTIFICATE_REFUSED', 'want one and are shown none'],
    ],
    [
      'another authority',
      { tls: { ca: pem('stranger'), ...own }, login },
      ...['CERTIFICATE_NOT_TRUSTED', 'unable to verify the first certificate'],
    ],
    [
      'the authorities that Node knows',
      { tls: own, login },
      ...['CERTIFICATE_NOT_TRUSTED', 'unable to verify the first certificate'],
    ],
  ] as const)(
    'refuses %s at once, and the error says so',
    async (_, how, code, text) => {
      const refusal = await refusalOf(how);
      expect(refusal).toMatchObject({ code, text: expect.stringContaining(text) });
      expect(refusal.text).toContain(broker);
      expect(refusal.tookMs).toBeLessThan(AT_ONCE_MS);
    },
    TIMEOUT_MS,
  );

  it(
    'closes the connection of who comes without TLS, which may be an outage and is tried for a while',
    async () => {
      expect(await refusalOf({ login })).toMatchObject({
        ...{ code: 'CONNECTION_CLOSED', text: expect.stringContaining('want TLS or a login and get none') },
      });
    },
    TIMEOUT_MS,
  );
});
