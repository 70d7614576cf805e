import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { getStringFromEnv, parseKeyPairsIntoRecord } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
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
/**
 * One trace in a hundred is recorded unless OTEL_TRACES_SAMPLER says otherwise: a trace of a request holds a span for
 * each of its messages, and a span costs about as much as the send that it tells of.
 */
const SAMPLED_SHARE = 0.01;
const log = logger('telemetry');

/**
 * Starts traces and metrics for the whole process. Without the standard OTEL_* variables no trace is made: the SDK's
 * own default would send to a collector that is not there. Stopping sends what is left and gives the globals back.
 */
export async function startTelemetry(settings: TelemetrySettings): Promise<{ stop(): Promise<void> }> {
  const prometheus = settings.metricsAddress === undefined ? undefined : new PrometheusDoor(settings.metricsAddress);
  const isTraceWanted = TRACES_WANTED_BY.some((name) => getStringFromEnv(name) !== undefined);
  const spanProcessors = settings.spanProcessors ?? (isTraceWanted ? undefined : []);
  const sampler = samplerOf(settings.spanProcessors !== undefined, isTraceWanted);
  // Loaded when asked for: it takes a fifth of a second, and the command line and most specs never come here.
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: getStringFromEnv('OTEL_SERVICE_NAME') ?? settings.serviceName,
    resourceDetectors: [namedResource],
    metricReaders: prometheus === undefined ? [] : [prometheus],
    logRecordProcessors: [],
    ...(spanProcessors === undefined ? {} : { spanProcessors }),
    ...(sampler === undefined ? {} : { sampler }),
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

/**
 * Which traces are recorded: all for who takes the spans in this process, none where nobody wants them, else a share.
 * Undefined where the standard variable decides.
 */
function samplerOf(isTakenHere: boolean, isTraceWanted: boolean): Sampler | undefined {
  if (isTakenHere) return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  // Ids are made and handed on all the same, so that another service's collector sees one trace.
  if (!isTraceWanted) return new AlwaysOffSampler();
  if (getStringFromEnv('OTEL_TRACES_SAMPLER') !== undefined) return undefined;
  return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED_SHARE) });
}

/** What the operator says of this process. The SDK's own detectors would add its user, its folders and its arguments. */
const namedResource = {
  detect: () => ({ attributes: parseKeyPairsIntoRecord(getStringFromEnv('OTEL_RESOURCE_ATTRIBUTES')) }),
};
