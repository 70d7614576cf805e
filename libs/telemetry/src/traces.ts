import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type { Context, Link, SpanKind } from '@opentelemetry/api';
import type { SpanAttributes } from './attributes';
import { describeError } from './describe-error';

const TRACEPARENT = 'traceparent';
/** A span keeps no more links than the SDK's own default bound. */
const LINKS_MAX = 128;

/** What a span is made of. `parent` and `links` are W3C traceparents, as records and rows carry them. */
export interface SpanOptions {
  kind: SpanKind;
  attributes?: SpanAttributes;
  /** Continues this trace instead of the one that is running. */
  parent?: string;
  /** Other traces that lead here. */
  links?: readonly string[];
}

/** Runs work inside a span; an error marks the span as failed, by its reason or kind and never by its text. */
export function withSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const { kind, attributes = {}, links = [] } = options;
  const parent = options.parent === undefined ? context.active() : contextOf(options.parent);
  // Asked for each time: a tracer stays with the telemetry it first met, also when that was stopped and started again.
  return trace
    .getTracer('herald')
    .startActiveSpan(name, { kind, attributes, links: links.flatMap(linkTo) }, parent, async (span) => {
      try {
        return await work();
      } catch (error) {
        const { kind, reason } = describeError(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? kind });
        throw error;
      } finally {
        span.end();
      }
    });
}

/** Adds attributes to the span that is running, if there is one. */
export function addSpanAttributes(attributes: SpanAttributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

/** Links the span that is running to other traces, where only its work shows which they are. */
export function linkSpan(traceparents: readonly string[]): void {
  trace.getActiveSpan()?.addLinks(traceparents.slice(0, LINKS_MAX).flatMap(linkTo));
}

/** The running trace as a W3C traceparent, for a row or a record; undefined where nothing is traced. */
export function currentTraceparent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier[TRACEPARENT];
}

/** Whether the running trace is recorded. What is done for each message asks first: a span for each would be too many. */
export function isSampled(): boolean {
  const flags = trace.getSpanContext(context.active())?.traceFlags ?? TraceFlags.NONE;
  return (flags & TraceFlags.SAMPLED) !== 0;
}

function contextOf(traceparent: string): Context {
  return propagation.extract(ROOT_CONTEXT, { [TRACEPARENT]: traceparent });
}

function linkTo(traceparent: string): Link[] {
  const linked = trace.getSpanContext(contextOf(traceparent));
  return linked === undefined ? [] : [{ context: linked }];
}
