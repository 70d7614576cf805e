import type { Metadata } from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { addSpanAttributes, withSpan } from '@herald/telemetry';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

const getter = {
  keys: (metadata: Metadata) => Object.keys(metadata.getMap()),
  get: (metadata: Metadata, key: string) => metadata.get(key).map(String),
};
const setter = { set: (metadata: Metadata, key: string, value: string) => metadata.set(key, value) };

/** Runs the work of a call inside a SERVER span that continues the caller's trace. The span is named by the RPC. */
export function withServerSpan<T>(path: string, metadata: Metadata, work: () => Promise<T>): Promise<T> {
  const callers = propagation.extract(context.active(), metadata, getter);
  return context.with(callers, () => withRpcSpan(SpanKind.SERVER, path, work));
}

/** Runs a call inside a CLIENT span, and writes the trace into the metadata it sends. */
export function withClientSpan<T>(path: string, metadata: Metadata, work: () => Promise<T>): Promise<T> {
  return withRpcSpan(SpanKind.CLIENT, path, async () => {
    propagation.inject(context.active(), metadata, setter);
    try {
      return await work();
    } catch (error) {
      if (error instanceof HeraldError) markFailed(error);
      throw error;
    }
  });
}

/** Marks the running span as failed by its reason alone: messages of errors may hold what a trace must not. */
export function markFailed({ code, reason }: HeraldError): void {
  addSpanAttributes({ 'rpc.grpc.status_code': code, 'herald.reason': reason });
  trace.getActiveSpan()?.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}

function withRpcSpan<T>(kind: SpanKind, path: string, work: () => Promise<T>): Promise<T> {
  const name = path.slice(1);
  const [service = '', method = ''] = name.split('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
  return withSpan(name, { kind, attributes }, work);
}
