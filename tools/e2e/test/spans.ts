import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Running } from '@herald/service';
import { startTelemetry } from '@herald/telemetry';

/** A span that has ended, by whichever process. */
export interface Span {
  traceId: string;
  id: string;
  parentId: string | undefined;
  /** Its kind, the service.name of the process that made it, and its name: `SERVER spec herald.…/GetQuota`. */
  title: string;
  /** The traces it is linked to. */
  links: readonly string[];
  /** All that it tells besides, as JSON. */
  told: string;
}

/** Spans that are collected while something runs. */
export interface SpanCollection extends Running {
  spans(): Span[];
}

/** Traces what runs in this process, under a service.name. */
export async function collectOwnSpans(serviceName: string): Promise<SpanCollection> {
  const exporter = new InMemorySpanExporter();
  const telemetry = await startTelemetry({ serviceName, spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  return { spans: () => exporter.getFinishedSpans().map(ownSpan), stop: () => telemetry.stop() };
}

function ownSpan(span: ReadableSpan): Span {
  const { name, kind, attributes, events, status, links, parentSpanContext, resource } = span;
  const { traceId, spanId: id } = span.spanContext();
  return {
    ...{ traceId, id, parentId: parentSpanContext?.spanId },
    title: `${SpanKind[kind]} ${String(resource.attributes['service.name'])} ${name}`,
    links: links.map(({ context }) => context.traceId),
    told: JSON.stringify({ name, attributes, events, status }),
  };
}

/** What an exporter posts by OTLP as JSON, as far as it is read here; kinds count from 1. */
interface Exported {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: ExportedSpan[] }[];
  }[];
}
interface ExportedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  links?: { traceId: string }[];
}

/** A collector for processes that export by OTLP over HTTP as JSON. */
export async function collectExportedSpans(): Promise<SpanCollection & { variables: Record<string, string> }> {
  const collected: Span[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      collected.push(...read(JSON.parse(body) as Exported));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { spans: () => collected, stop, variables: variablesFor(`http://127.0.0.1:${port}/v1/traces`) };
}

/** The standard variables by which a process sends all its spans there, and soon. */
function variablesFor(endpoint: string): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_TRACES_SAMPLER: 'always_on',
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function read({ resourceSpans }: Exported): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...{ traceId: span.traceId, id: span.spanId, parentId: span.parentSpanId },
        title: `${SpanKind[span.kind - 1]} ${service} ${span.name}`,
        links: (span.links ?? []).map(({ traceId }) => traceId),
        told: JSON.stringify(span),
      })),
    );
  });
}
