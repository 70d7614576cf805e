import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import type { Metadata } from '@grpc/grpc-js';

const tracer = trace.getTracer('@herald/grpc');

const getter = {
  keys: (metadata: Metadata) => Object.keys(metadata.getMap()),
  get: (metadata: Metadata, key: string) => metadata.get(key).map(String),
};
const setter = { set: (metadata: Metadata, key: string, value: string) => metadata.set(key, value) };

/** Runs the work of a call inside a SERVER span that continues the caller's trace. The span is named by the RPC. */
export function withServerSpan<T>(path: string, metadata: Metadata, work: (span: Span) => Promise<T>): Promise<T> {
  const parent = propagation.extract(context.active(), metadata, getter);
  return withSpan(path, SpanKind.SERVER, parent, work);
}

/** Runs a call inside a CLIENT span, and writes the trace into the metadata it sends. */
export function withClientSpan<T>(path: string, metadata: Metadata, work: () => Promise<T>): Promise<T> {
  return withSpan(path, SpanKind.CLIENT, context.active(), () => {
    propagation.inject(context.active(), metadata, setter);
    return work();
  });
}

/** Marks a span as failed by its reason alone: messages of errors may hold what a trace must not. */
export function markFailed(span: Span, code: number, reason: string): void {
  span.setAttribute('rpc.grpc.status_code', code);
  span.setAttribute('herald.reason', reason);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}

async function withSpan<T>(
  path: string,
  kind: SpanKind,
  parent: Context,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const name = path.replace(/^\//, '');
  const [service = '', method = ''] = name.split('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
  return tracer.startActiveSpan(name, { kind, attributes }, parent, async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}
