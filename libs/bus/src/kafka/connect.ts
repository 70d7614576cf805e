import { Kafka, logLevel, type SASLOptions } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue';
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
/** Together about eight seconds; what is tried longer is tried by us, where the reason can be told. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 };

endBusyLoop(RequestQueue);

/**
 * A client of the cluster. It connects when it is first used. Its own log goes nowhere: it calls errors what it repeats,
 * with texts of its own, and what it gives up on comes as an exception or a CRASH.
 */
export function kafkaClient({ brokers, clientId, tls, login }: KafkaConnection): Kafka {
  return new Kafka({
    ...{ clientId, brokers: [...brokers] },
    ...(tls === undefined ? {} : { ssl: tls }),
    ...(login === undefined ? {} : { sasl: login as SASLOptions }),
    ...{ connectionTimeout: CONNECT_WITHIN_MS, requestTimeout: ANSWER_WITHIN_MS, retry: RETRY },
    logLevel: logLevel.NOTHING,
  });
}
