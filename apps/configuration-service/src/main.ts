import { openKafkaBus, readMasterKey, runService, systemClock } from '@herald/service';
import { start } from './start';

const needs = ['HERALD_KAFKA_BROKERS', 'HERALD_TEMPLATE_URL', 'HERALD_PUBLIC_URL', 'HERALD_MASTER_KEY_FILE'] as const;

/** The composition root: the only file of the service that reads the environment. */
void runService(
  { service: 'configuration', env: process.env, needs },
  async (parts, { environment, grpc, database, kafka, shards }) => {
    const masterKey = await readMasterKey(environment.HERALD_MASTER_KEY_FILE);
    const bus = await openKafkaBus(parts, { connection: kafka, partitions: shards });
    return start(
      {
        ...{ grpc, database, masterKey },
        templateUrl: environment.HERALD_TEMPLATE_URL,
        publicUrl: environment.HERALD_PUBLIC_URL,
      },
      { bus, clock: systemClock },
    );
  },
);
