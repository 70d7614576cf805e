import { inProcessBus, type Bus, type KafkaConnection } from '@herald/bus';
import { startLocalBroker } from '@herald/local-kafka';
import { insideTransaction } from '@herald/postgres';
import { openKafkaBus, reportFault, systemClock, type Parts, type Running } from '@herald/service';
import { deadLetterStore, openBusDatabase } from './dead-letters';
import { startRedriver } from './redriver';

/** What the one-process system's bus is opened with. */
export interface EventBusSettings {
  /** The database where dead letters of the bus in the process are kept. */
  databaseUrl: string;
  /** Partitions of each topic: the shards. */
  shards: number;
  /** The brokers to use; without them and without a local broker the bus is in the process. */
  kafka: KafkaConnection | undefined;
  /** Where a local broker keeps its records, if one is to be started. */
  brokerDirectory: string | undefined;
}

/** The bus of the one-process system. */
export interface EventBus {
  bus: Bus;
  /** The brokers it goes over, `host:port` and separated by commas. */
  brokers?: string;
  /** Begins to publish dead letters again that an operator marked; over Kafka the operator's command does it itself. */
  startRedriving?: () => Running;
}

/** Opens the bus: over the brokers that are named, over one that is started here, or in the process. */
export async function openEventBus(parts: Parts, settings: EventBusSettings): Promise<EventBus> {
  const { kafka, brokerDirectory, shards } = settings;
  const over = async (connection: KafkaConnection): Promise<EventBus> => ({
    bus: await openKafkaBus(parts, { connection, partitions: shards }),
    brokers: connection.brokers.join(','),
  });
  if (kafka !== undefined) return over(kafka);
  if (brokerDirectory === undefined) return inTheProcess(parts, settings);
  const local = await parts.add(() => startLocalBroker({ directory: brokerDirectory }));
  return over({ brokers: [local.broker], clientId: 'herald' });
}

async function inTheProcess(parts: Parts, { databaseUrl, shards }: EventBusSettings): Promise<EventBus> {
  const { database } = await parts.add(async () => {
    const opened = await openBusDatabase(databaseUrl);
    return { database: opened, stop: () => opened.close() };
  });
  const deadLetters = deadLetterStore(database);
  const options = { partitions: shards, deadLetters, clock: systemClock, forbidden: insideTransaction };
  const bus = await parts.add(() => Promise.resolve(inProcessBus({ ...options, onFault: reportFault })));
  return { bus, startRedriving: () => startRedriver(bus, database) };
}
