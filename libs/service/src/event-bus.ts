import { kafkaBus, type Bus, type DeliveryFault, type KafkaBusOptions } from '@herald/bus';
import { insideTransaction } from '@herald/postgres';
import { counter, logger } from '@herald/telemetry';
import { systemClock } from './clock';
import type { Parts } from './running';

const log = logger('bus');

/** Opens the bus over Kafka as a part of a process; its faults are logged and counted. */
export function openKafkaBus(parts: Parts, options: Pick<KafkaBusOptions, 'connection' | 'partitions'>): Promise<Bus> {
  return parts.add(() =>
    kafkaBus({
      ...options,
      ...{ clock: systemClock, forbidden: insideTransaction, onFault: reportFault, onDead },
      onTrouble: (error) => log.warn('A consumer failed and starts again.', { error }),
    }),
  );
}

/** Logs and counts records that a consumer could not handle. */
export function reportFault({ topic, group, tries, next, error, recordIds }: DeliveryFault): void {
  counter('herald.bus.fault').add(recordIds.length, { next });
  log.warn('A record could not be handled.', { topic, group, tries, next, error });
}

/** A consumer that is dead leaves its records lying: the process ends in order, and whoever runs it starts it anew. */
function onDead(error: Error): void {
  log.error('A consumer will not work again, so the process ends.', { error });
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}
