import { inProcessBus, type Bus, type KafkaConnection } from '@herald/bus';
import { startLocalBroker } from '@herald/local-kafka';
import { insideTransaction } from '@herald/postgres';
import { openKafkaBus, reportFault, systemClock, type Parts } from '@herald/service';
import { deadLetterStore } from './dead-letters';

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

/** Opens the bus: over the brokers that are named, over one that is started here, or in the process. */
export async function openEventBus(parts: Parts, settings: EventBusSettings): Promise<Bus> {
  const { kafka, brokerDirectory, shards } = settings;
  if (kafka !== undefined) return openKafkaBus(parts, { connection: kafka, partitions: shards });
  if (brokerDirectory === undefined) return inTheProcess(parts, settings);
  const local = await parts.add(() => startLocalBroker({ directory: brokerDirectory }));
  const connection = { brokers: [local.broker], clientId: 'herald' };
  return openKafkaBus(parts, { connection, partitions: shards });
}

async function inTheProcess(parts: Parts, { databaseUrl, shards }: EventBusSettings): Promise<Bus> {
  const deadLetters = await parts.add(() => deadLetterStore(databaseUrl));
  const options = { partitions: shards, deadLetters, clock: systemClock, forbidden: insideTransaction };
  return parts.add(() => Promise.resolve(inProcessBus({ ...options, onFault: reportFault })));
}
