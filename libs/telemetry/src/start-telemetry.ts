import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { getStringFromEnv, parseKeyPairsIntoRecord } from '@opentelemetry/core';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import { logger } from './logger';
import { PrometheusDoor } from './prometheus-door';

/** What telemetry is started with. */
export interface TelemetrySettings {
  serviceName: string;
  /** `host:port` where Prometheus finds the metrics, the port never 0; nowhere if left out. */
  metricsAddress?: string;
  /** Where spans go instead of where the standard OTEL_* variables say. */
  spanProcessors?: SpanProcessor[];
}

/** The standard variables of which any one says that traces are wanted somewhere. */
const TRACES_WANTED_BY = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
const log = logger('telemetry');

/**
 * Starts traces and metrics for the whole process. Without the standard OTEL_* variables no trace is made: the SDK's
 * own default would send to a collector that is not there. Stopping sends what is left and gives the globals back.
 */
export async function startTelemetry(settings: TelemetrySettings): Promise<{ stop(): Promise<void> }> {
  const prometheus = settings.metricsAddress === undefined ? undefined : new PrometheusDoor(settings.metricsAddress);
  const isTraceWanted = TRACES_WANTED_BY.some((name) => getStringFromEnv(name) !== undefined);
  const spanProcessors = settings.spanProcessors ?? (isTraceWanted ? undefined : []);
  const sdk = new NodeSDK({
    serviceName: getStringFromEnv('OTEL_SERVICE_NAME') ?? settings.serviceName,
    resourceDetectors: [namedResource],
    metricReaders: prometheus === undefined ? [] : [prometheus],
    logRecordProcessors: [],
    ...(spanProcessors === undefined ? {} : { spanProcessors }),
  });
  // The only step that can fail comes first, before anything is registered.
  await prometheus?.startServer();
  sdk.start();
  return {
    stop: async () => {
      // A collector that is away has cost its traces, and must not make the stop of everything else a failure.
      await sdk.shutdown().catch((error: unknown) => log.warn('The last traces could not be sent.', { error }));
      for (const global of [trace, metrics, propagation, context]) global.disable();
    },
  };
}

/** What the operator says of this process. The SDK's own detectors would add its user, its folders and its arguments. */
const namedResource = {
  detect: () => ({ attributes: parseKeyPairsIntoRecord(getStringFromEnv('OTEL_RESOURCE_ATTRIBUTES')) }),
};
