import { openKafkaBus, runService, systemClock } from '@herald/service';
import { start } from './start';
import { tuningOf } from './tuning';

const needs = ['HERALD_KAFKA_BROKERS', 'HERALD_TEMPLATE_URL', 'HERALD_CONFIGURATION_URL'] as const;

/** The composition root: the only file of the service that reads the environment. */
void runService(
  { service: 'dispatch', env: process.env, needs },
  async (parts, { environment, grpc, database, kafka, shards, instance }) => {
    const bus = await openKafkaBus(parts, { connection: kafka, partitions: shards });
    return start(
      {
        ...{ grpc, database, shards, instance, ownsAll: false },
        templateUrl: environment.HERALD_TEMPLATE_URL,
        configurationUrl: environment.HERALD_CONFIGURATION_URL,
        ...tuningOf(environment),
      },
      { bus, clock: systemClock },
    );
  },
);
