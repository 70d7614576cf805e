import { join } from 'node:path';
import { kafkaDeadLetters, type DeadLetterDesk } from '@herald/bus';
import { runningLocalBroker } from '@herald/local-kafka';
import { single, sql, startLocalServer } from '@herald/postgres';
import { kafkaConnectionOf, type Environment } from '@herald/service';
import { AdviceError } from '../advice-error';
import { deadLetterTable } from './dead-letter-table';
import { openBusDatabase } from './dead-letters';
import { isAlive } from './is-alive';
import { readSystemFile, type SystemFile } from './system-file';

/**
 * Opens the dead letters where they lie: on the brokers that the environment names, or that the home's system or its own
 * broker is reached by, else in the database that the environment names, or the home's own. Throws AdviceError where
 * there is none of these, BrokerConnectionError where the brokers cannot be used.
 */
export async function openDeadLetters(home: string, environment: Environment): Promise<DeadLetterDesk> {
  const file = await readSystemFile(home);
  const running = file !== undefined && isAlive(file.pid) ? file : undefined;
  const brokers = environment.HERALD_KAFKA_BROKERS ?? (await brokersOf(home, running));
  if (brokers !== undefined)
    return kafkaDeadLetters(await kafkaConnectionOf({ ...environment, HERALD_KAFKA_BROKERS: brokers }, 'herald-dlq'));
  return tableIn(environment.HERALD_DATABASE_URL ?? (await databaseOf(home, running)));
}

async function tableIn(url: string): Promise<DeadLetterDesk> {
  const database = await openBusDatabase(url).catch((error: unknown) => {
    throw hasNoRole(error) ? noTable(error) : error;
  });
  const found = await database.worker((tx) =>
    sql<{ name: string | null }>(tx, `select to_regclass('dead_letter') as name`),
  );
  if (single(found).name !== null) return deadLetterTable(database);
  await database.close();
  throw noTable();
}

/** PostgreSQL's invalid_parameter_value: the connection asks for a role that nobody made yet. */
const NO_SUCH_ROLE = '22023';

function hasNoRole(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NO_SUCH_ROLE;
}

function noTable(cause?: unknown): AdviceError {
  return new AdviceError(
    'That database has no table of dead letters: no Herald ever kept its events in one process there. ' +
      'Where they go over Kafka, set HERALD_KAFKA_BROKERS.',
    { cause },
  );
}

/** Where a system runs, its events tell; a broker that outlived its system still has the letters. */
async function brokersOf(home: string, running: SystemFile | undefined): Promise<string[] | undefined> {
  if (running !== undefined) return running.brokers?.split(',');
  const broker = await runningLocalBroker(join(home, 'kafka'));
  return broker === undefined ? undefined : [broker];
}

/** A PostgreSQL that is found is adopted; one is never started for a question, since nobody would stop it. */
async function databaseOf(home: string, running: SystemFile | undefined): Promise<string> {
  if (running !== undefined)
    return (await startLocalServer({ directory: join(home, 'postgres'), port: running.ports.postgres })).url;
  throw new AdviceError(
    `No Herald runs in ${home}. Start one with "npm start", name its --home, or set HERALD_KAFKA_BROKERS or HERALD_DATABASE_URL.`,
  );
}
