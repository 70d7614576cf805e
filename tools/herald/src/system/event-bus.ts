import { inProcessBus, kafkaBus, type Bus, type DeliveryFault } from '@herald/bus';
import { startLocalBroker } from '@herald/local-kafka';
import { insideTransaction } from '@herald/postgres';
import { systemClock, type Parts } from '@herald/service';
import { counter, logger } from '@herald/telemetry';
import { deadLetterStore } from './dead-letters';

/** What the one-process system's bus is opened with. */
export interface EventBusSettings {
  /** The database where dead letters of the bus in the process are kept. */
  databaseUrl: string;
  /** Partitions of each topic: the shards. */
  shards: number;
  /** The brokers to use; without them and without a local broker the bus is in the process. */
  brokers: readonly string[] | undefined;
  /** Where a local broker keeps its records, if one is to be started. */
  brokerDirectory: string | undefined;
}

const log = logger('bus');

/** Opens the bus: over the brokers that are named, over one that is started here, or in the process. */
export async function openEventBus(parts: Parts, settings: EventBusSettings): Promise<Bus> {
  const { brokers, brokerDirectory } = settings;
  if (brokers !== undefined) return overKafka(parts, brokers, settings);
  if (brokerDirectory === undefined) return inTheProcess(parts, settings);
  const local = await parts.add(() => startLocalBroker({ directory: brokerDirectory }));
  return overKafka(parts, [local.broker], settings);
}

async function inTheProcess(parts: Parts, { databaseUrl, shards }: EventBusSettings): Promise<Bus> {
  const deadLetters = await parts.add(() => deadLetterStore(databaseUrl));
  const options = { partitions: shards, deadLetters, clock: systemClock, forbidden: insideTransaction, onFault };
  return parts.add(() => Promise.resolve(inProcessBus(options)));
}

function overKafka(parts: Parts, brokers: readonly string[], { shards }: EventBusSettings): Promise<Bus> {
  return parts.add(() =>
    kafkaBus({
      connection: { brokers, clientId: 'herald' },
      ...{ partitions: shards },
      ...{ clock: systemClock, forbidden: insideTransaction, onFault, onDead },
      onTrouble: (error) => log.warn('A consumer failed and starts again.', { error }),
    }),
  );
}

function onFault({ topic, group, tries, next, error, recordIds }: DeliveryFault): void {
  counter('herald.bus.fault').add(recordIds.length, { next });
  log.warn('A record could not be handled.', { topic, group, tries, next, error });
}

/** A consumer that is dead leaves its records lying: the process ends in order, and whoever runs it starts it anew. */
function onDead(error: Error): void {
  log.error('A consumer will not work again, so the process ends.', { error });
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}
