import { openKafkaBus, runService, systemClock } from '@herald/service';
import { start } from './start';

const HTTP_ADDRESS_DEFAULT = '0.0.0.0:8080';
const needs = ['HERALD_KAFKA_BROKERS', 'HERALD_CONFIGURATION_URL', 'HERALD_PUBLIC_URL'] as const;

/** The composition root: the only file of the gateway that reads the environment. */
void runService(
  { service: 'gateway', env: process.env, needs },
  async (parts, { environment, identity, tls, internalAddress, kafka, shards }) => {
    const bus = await openKafkaBus(parts, { connection: kafka, partitions: shards });
    return start(
      {
        ...{ internalAddress, identity, ...(tls === undefined ? {} : { tls }) },
        httpAddress: environment.HERALD_HTTP_ADDRESS ?? HTTP_ADDRESS_DEFAULT,
        publicUrl: environment.HERALD_PUBLIC_URL,
        configurationUrl: environment.HERALD_CONFIGURATION_URL,
      },
      { bus, clock: systemClock },
    );
  },
);
