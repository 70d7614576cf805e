import { openKafkaBus, runService, systemClock } from '@herald/service';
import { start } from './start';

/** The composition root: the only file of the service that reads the environment. */
void runService(
  { service: 'template', env: process.env, needs: ['HERALD_KAFKA_BROKERS'] },
  async (parts, { grpc, database, kafka, shards }) => {
    const bus = await openKafkaBus(parts, { connection: kafka, partitions: shards });
    return start({ grpc, database }, { bus, clock: systemClock });
  },
);
