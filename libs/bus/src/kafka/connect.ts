import { Kafka, logLevel } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue';
import { endBusyLoop } from './request-queue';

/** How a cluster is reached and who we are to it. */
export interface KafkaConnection {
  /** `host:port` of some brokers; the rest is learnt from them. */
  brokers: readonly string[];
  /** Names the service and instance in the broker's logs and quotas. */
  clientId: string;
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
export function kafkaClient({ brokers, clientId }: KafkaConnection): Kafka {
  return new Kafka({
    ...{ clientId, brokers: [...brokers] },
    ...{ connectionTimeout: CONNECT_WITHIN_MS, requestTimeout: ANSWER_WITHIN_MS, retry: RETRY },
    logLevel: logLevel.NOTHING,
  });
}
