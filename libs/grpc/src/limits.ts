import type { ChannelOptions } from '@grpc/grpc-js';

/** The largest request a server reads, also after decompression; grpc-js itself would take 4 MiB. */
export const RECEIVE_BYTES_MAX = 1024 * 1024;
/** The largest answer a server sends and a client reads; grpc-js itself would send without limit. */
export const SEND_BYTES_MAX = 4 * 1024 * 1024;
/** The most that the metadata of a call may hold, token included. */
export const METADATA_BYTES_MAX = 16 * 1024;
/** The calls one connection may have open at once; grpc-js itself has no limit. */
const STREAMS_PER_CONNECTION_MAX = 100;

const CONNECTION_AGE_MS = 5 * 60_000;
const CONNECTION_AGE_GRACE_MS = 30_000;
/** Less than the age, or it would bound nothing. */
const CONNECTION_IDLE_MS = 2 * 60_000;
/**
 * A failure costs a token, and with half of them left nothing is repeated. A replica that dies fails all the calls of its
 * connection at once, before the first is repeated: with 20 tokens, 7 of 10 such calls stayed failed. This lets two die.
 */
const RETRY_TOKENS_MAX = 5 * STREAMS_PER_CONNECTION_MAX;
/** What Node may hold for one connection; grpc-js itself lifts Node's own bound of 10. */
const SESSION_MEMORY_MB = 32;
/** A peer that answers no ping is gone, or never was one: its connection ends after 40 s. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** A replica that was away for long is tried again this often; grpc-js itself would leave one idle for two minutes. */
const RECONNECT_MS_MAX = 5_000;

/**
 * The limits of a server. A connection ends after five minutes, so that clients look for new replicas; grpc-js adds
 * its own jitter of a tenth, so that they do not all come back at once.
 */
export function serverLimits(): ChannelOptions {
  return {
    'grpc.max_receive_message_length': RECEIVE_BYTES_MAX,
    'grpc.max_send_message_length': SEND_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
    'grpc.max_connection_age_ms': CONNECTION_AGE_MS,
    'grpc.max_connection_age_grace_ms': CONNECTION_AGE_GRACE_MS,
    'grpc.max_connection_idle_ms': CONNECTION_IDLE_MS,
    'grpc-node.max_session_memory': SESSION_MEMORY_MB,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  };
}

/**
 * The limits of a client, and its service config: round robin over the addresses, and up to four attempts, only
 * where the server said UNAVAILABLE. Nothing else is repeated: what it did is not known. Of the methods named `once`
 * nothing is: whoever calls a stream knows what of it was taken, and where to go on.
 */
export function clientLimits(once: readonly { service: string; method: string }[]): ChannelOptions {
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: '0.1s',
    maxBackoff: '2s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  };
  return {
    'grpc.max_receive_message_length': SEND_BYTES_MAX,
    'grpc.max_send_message_length': SEND_BYTES_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    // Otherwise every look-up of a name also asks for a TXT record.
    'grpc.service_config_disable_resolution': 1,
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [{ round_robin: {} }],
      methodConfig: [{ name: [{}], retryPolicy }, ...(once.length > 0 ? [{ name: once }] : [])],
      // Retries stop while half of the recent calls fail, so that they do not bury a server that is coming back.
      retryThrottling: { maxTokens: RETRY_TOKENS_MAX, tokenRatio: 0.5 },
    }),
  };
}
