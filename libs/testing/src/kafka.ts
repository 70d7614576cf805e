import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { oncePerRun } from './once-per-run';
import { KAFKA_PROGRAM, localBrokerDirectory } from './test-run';

const run = promisify(execFile);

/** The environment variable that names a broker to test on: `host:port`. */
const BROKER_VARIABLE = 'HERALD_TEST_KAFKA_BROKERS';
/** Set to 1 where a run without Kafka must fail and not skip. */
const REQUIRE_VARIABLE = 'REQUIRE_KAFKA';
const START_TIMEOUT_MS = 300_000;

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
  const title = `${name} (Kafka)`;
  if (!mayHaveKafka()) {
    if (process.env[REQUIRE_VARIABLE] === '1') it(`${title}: needs Java 17 and Maven, or a broker`, () => fail());
    else describe.skip(title, () => tests(running));
    return;
  }
  describe(title, () => {
    beforeAll(async () => {
      kafka = await startKafka();
    }, START_TIMEOUT_MS);
    tests(running);
  });
}

function fail(): never {
  throw new Error(`${REQUIRE_VARIABLE} is 1: name a broker in ${BROKER_VARIABLE}, or install Java 17 and Maven`);
}

function mayHaveKafka(): boolean {
  if (named() !== undefined) return true;
  const works = (program: string, flag: string) => spawnSync(program, [flag], { stdio: 'ignore' }).status === 0;
  return works('java', '-version') && works('mvn', '-v');
}

function named(): string | undefined {
  const value = process.env[BROKER_VARIABLE];
  return value === '' ? undefined : value;
}

/** The closing line of the run tells by what is kept of this, kafka.json in its folder, which Kafka it was. */
function startKafka(): Promise<TestKafka> {
  return oncePerRun('kafka', START_TIMEOUT_MS, async (folder) => {
    const given = named();
    return given === undefined ? startBroker(folder) : { broker: given, version: 'named' };
  });
}

async function startBroker(folder: string): Promise<TestKafka> {
  const args = ['-r', 'tsx/cjs', KAFKA_PROGRAM, '--directory', localBrokerDirectory(folder)];
  const { stdout } = await run(process.execPath, args, { timeout: START_TIMEOUT_MS });
  return JSON.parse(stdout) as TestKafka;
}
