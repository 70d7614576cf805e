import { Kafka, logLevel, type Admin, type SASLOptions } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue';
import { explainedConnection, isFinal } from './connection-error';
import { endBusyLoop } from './request-queue';

/** How a cluster is reached and who we are to it. */
export interface KafkaConnection {
  /** `host:port` of some brokers; the rest is learnt from them. */
  brokers: readonly string[];
  /** Names the service and instance in the broker's logs and quotas. */
  clientId: string;
  /** PEM texts: the brokers' authority, and a certificate to show them. Without authority those that Node knows. */
  tls?: { ca?: string; cert?: string; key?: string };
  login?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string };
}

const CONNECT_WITHIN_MS = 3_000;
const ANSWER_WITHIN_MS = 30_000;
/** Together about nine seconds; what is tried longer is tried by us, where the reason can be told. */
const RETRIES = 8;
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000 };

endBusyLoop(RequestQueue);

/**
 * A client of the cluster. It connects when it is first used. Its own log goes nowhere: it calls errors what it repeats,
 * with texts of its own, and what it gives up on comes as an exception or a CRASH. How often it repeats is said here: what
 * a call of the client says of it does not count for connecting.
 */
export function kafkaClient({ brokers, clientId, tls, login }: KafkaConnection, retries = RETRIES): Kafka {
  return new Kafka({
    ...{ clientId, brokers: [...brokers] },
    ...(tls === undefined ? {} : { ssl: tls }),
    // A copy: kafkajs writes into it.
    ...(login === undefined ? {} : { sasl: { ...login } as SASLOptions }),
    ...{ connectionTimeout: CONNECT_WITHIN_MS, requestTimeout: ANSWER_WITHIN_MS },
    retry: { ...RETRY, retries },
    logLevel: logLevel.NOTHING,
  });
}

/** A cluster that answers: its client, and a connection for what is asked of it. */
export interface Cluster {
  kafka: Kafka;
  admin: Admin;
}

/**
 * Connects to the cluster for `use`, which closes the connection when it fails. Throws BrokerConnectionError, at once
 * where the brokers refuse the login or show a certificate that is not trusted: kafkajs would repeat it for nine seconds.
 */
export async function connectCluster<Used>(
  connection: KafkaConnection,
  use: (cluster: Cluster) => Promise<Used>,
): Promise<Used> {
  const kafka = kafkaClient(connection);
  const admin = kafka.admin();
  try {
    await assertNotRefused(connection);
    await admin.connect();
    return await use({ kafka, admin });
  } catch (error) {
    await admin.disconnect();
    throw explainedConnection(error, connection.brokers);
  }
}

/** Tries once to connect, and throws where another try would end the same. */
async function assertNotRefused(connection: KafkaConnection): Promise<void> {
  const once = kafkaClient(connection, 0).admin();
  try {
    await once.connect();
  } catch (error) {
    const explained = explainedConnection(error, connection.brokers);
    if (isFinal(explained)) throw explained;
  } finally {
    await once.disconnect();
  }
}
