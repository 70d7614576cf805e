import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { freePort } from '@herald/ports';
import { oncePerRun } from './once-per-run';
import { KAFKA_PROGRAM, localBrokerDirectory } from './test-run';

const run = promisify(execFile);

/** The environment variable that names a broker to test on: `host:port`. */
const BROKER_VARIABLE = 'HERALD_TEST_KAFKA_BROKERS';
/** Set to 1 where a run without Kafka must fail and not skip. */
const REQUIRE_VARIABLE = 'REQUIRE_KAFKA';
const START_TIMEOUT_MS = 300_000;
/** The version that tools/kafka starts too. */
const IMAGE = 'apache/kafka:4.4.0';
const DOCKER_SOCKET = '/var/run/docker.sock';

/** A broker for specs. */
export interface TestKafka {
  /** `host:port`. */
  broker: string;
  /** The broker's version, as the closing line of a run tells it; `named` where the environment gave the broker. */
  version: string;
}

/**
 * Describes what needs Kafka: on the broker that the environment names, in a container, or on a local one where `java` and
 * `mvn` are; the first spec that asks starts it. Where there is none of these the tests are skipped by name, and where
 * REQUIRE_KAFKA is 1 they fail.
 */
export function describeWithKafka(name: string, tests: (kafka: () => TestKafka) => void): void {
  let kafka: TestKafka | undefined;
  const running = (): TestKafka => {
    if (!kafka) throw new Error('Kafka is started before the tests, not while they are described');
    return kafka;
  };
  describeWhere(named() !== undefined || hasContainers() || hasJava(), name, () => {
    beforeAll(async () => {
      kafka = await startKafka();
    }, START_TIMEOUT_MS);
    tests(running);
  });
}

/** The same for what starts brokers of its own, to stop them or to be alone on them: `java` and `mvn` must be there. */
export function describeWithOwnKafka(name: string, tests: () => void): void {
  describeWhere(hasJava(), name, tests);
}

function describeWhere(isThere: boolean, name: string, tests: () => void): void {
  const title = `${name} (Kafka)`;
  if (isThere) describe(title, tests);
  else if (process.env[REQUIRE_VARIABLE] === '1') it(`${title}: needs Java 17 and Maven, or a broker`, () => fail());
  else describe.skip(title, tests);
}

function fail(): never {
  throw new Error(`${REQUIRE_VARIABLE} is 1: name a broker in ${BROKER_VARIABLE}, or install Java 17 and Maven`);
}

function hasJava(): boolean {
  const works = (program: string, flag: string) => spawnSync(program, [flag], { stdio: 'ignore' }).status === 0;
  return works('java', '-version') && works('mvn', '-v');
}

/** Whether there seems to be a container runtime: what is described cannot wait for its answer. */
function hasContainers(): boolean {
  return (process.env['DOCKER_HOST'] ?? '') !== '' || existsSync(DOCKER_SOCKET);
}

function named(): string | undefined {
  const value = process.env[BROKER_VARIABLE];
  return value === '' ? undefined : value;
}

/** The closing line of the run tells by what is kept of this, kafka.json in its folder, which Kafka it was. */
function startKafka(): Promise<TestKafka> {
  return oncePerRun('kafka', START_TIMEOUT_MS, async (folder) => {
    const given = named();
    if (given !== undefined) return { broker: given, version: 'named' };
    return (await startContainer()) ?? startBroker(folder);
  });
}

/** A broker in a container, or undefined where no runtime answers. Its reaper removes it when this run is over. */
async function startContainer(): Promise<TestKafka | undefined> {
  if (!hasContainers()) return undefined;
  // Loaded when asked for: it takes a second, and most specs never come here.
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const runtime = await getContainerRuntimeClient().catch(() => undefined);
  if (runtime === undefined) return undefined;
  // A broker tells its clients where it is, so its port must be known before it starts.
  const broker = `${runtime.info.containerRuntime.host}:${await freePort()}`;
  await new GenericContainer(IMAGE)
    .withEnvironment(containerSettings(broker))
    .withExposedPorts({ container: 9092, host: Number(broker.slice(broker.lastIndexOf(':') + 1)) })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start();
  return { broker, version: IMAGE.slice(IMAGE.indexOf(':') + 1) };
}

function containerSettings(broker: string): Record<string, string> {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'OUTSIDE://:9092,INSIDE://:19092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `OUTSIDE://${broker},INSIDE://localhost:19092`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'INSIDE',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
  };
}

async function startBroker(folder: string): Promise<TestKafka> {
  const args = ['-r', 'tsx/cjs', KAFKA_PROGRAM, '--directory', localBrokerDirectory(folder)];
  const { stdout } = await run(process.execPath, args, { timeout: START_TIMEOUT_MS });
  return JSON.parse(stdout) as TestKafka;
}
