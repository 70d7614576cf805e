import { GRPC_CODE, HeraldError } from '@herald/errors';
import { startTelemetry } from '@herald/telemetry';
import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { GET_TEMPLATE, refusalOf, REQUEST, runningServer, type TestServer } from './running-server';
import { answering, endOf, MONITORED, state, streamServer } from './stream-server';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const NAME = GET_TEMPLATE.slice(1);
const MONITOR = 'herald.conversation.v1.ConversationService/MonitorConversation';
const PRIVATE = 'call +447700900123';

describe('traces of calls', () => {
  let exporter: InMemorySpanExporter;
  const start = () => {
    exporter = new InMemorySpanExporter();
    return startTelemetry({ serviceName: 'spec', spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  };
  let telemetry: { stop(): Promise<void> };
  let test: TestServer;

  beforeAll(async () => {
    telemetry = await start();
    test = await runningServer();
  });
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await test.stop();
    await telemetry.stop();
  });

  const spanOf = (kind: SpanKind) => {
    const found = exporter.getFinishedSpans().find((span) => span.kind === kind);
    if (found === undefined) throw new Error(`no ${SpanKind[kind]} span`);
    return found;
  };

  it('continues the trace of a caller, whatever client it has, and keeps what else the trace carries', async () => {
    const carried: Record<string, string> = {};
    test.answer(async () => ({ template: void propagation.inject(context.active(), carried) }));
    await test.raw(GET_TEMPLATE, { headers: { traceparent: TRACEPARENT, tracestate: 'vendor=1', baggage: 'a=b' } });
    const server = spanOf(SpanKind.SERVER);
    expect([server.name, server.spanContext().traceId, server.parentSpanContext?.spanId]).toEqual([
      ...[NAME, TRACE, 'b7ad6b7169203331'],
    ]);
    expect(server.attributes).toEqual({
      ...{ 'rpc.system': 'grpc', 'rpc.service': 'herald.template.v1.TemplateService', 'rpc.method': 'GetTemplate' },
    });
    expect(carried).toMatchObject({ tracestate: 'vendor=1', baggage: 'a=b' });
    expect(carried['traceparent']).toContain(server.spanContext().spanId);
  });

  it('goes from the client to the server', async () => {
    test.answer(async () => ({ template: undefined }));
    await test.client.getTemplate(REQUEST);
    const [client, server] = [spanOf(SpanKind.CLIENT), spanOf(SpanKind.SERVER)];
    expect(client.name).toBe(NAME);
    expect(server.parentSpanContext?.spanId).toBe(client.spanContext().spanId);
  });

  it('goes along a stream from its first answer to its end', async () => {
    const by = answering();
    const streaming = await streamServer(by);
    await endOf(streaming.conversation.monitorConversation(MONITORED));
    const [client, server] = [spanOf(SpanKind.CLIENT), spanOf(SpanKind.SERVER)];
    expect([client.name, server.name]).toEqual(Array(2).fill(MONITOR));
    expect(server.parentSpanContext?.spanId).toBe(client.spanContext().spanId);
    exporter.reset();
    by.monitor = async function* () {
      yield state('one');
      throw new HeraldError('TEMPLATE_NOT_FOUND', PRIVATE);
    };
    await endOf(streaming.conversation.monitorConversation(MONITORED));
    for (const span of [spanOf(SpanKind.CLIENT), spanOf(SpanKind.SERVER)]) {
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'TEMPLATE_NOT_FOUND' });
    }
    await streaming.stop();
  });

  it.each([
    ['a reason', new HeraldError('TEMPLATE_NOT_FOUND', PRIVATE), GRPC_CODE.NOT_FOUND, 'TEMPLATE_NOT_FOUND'],
    ['an error', new TypeError(PRIVATE), GRPC_CODE.INTERNAL, 'INTERNAL'],
  ])('P22: marks both spans of a call that failed with %s by code and reason alone', async (_, error, code, reason) => {
    test.answer(() => Promise.reject(error));
    await refusalOf(test.client.getTemplate(REQUEST));
    for (const span of [spanOf(SpanKind.CLIENT), spanOf(SpanKind.SERVER)]) {
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: reason });
      expect(span.attributes).toMatchObject({ 'rpc.grpc.status_code': code, 'herald.reason': reason });
      const { name, attributes, events, status } = span;
      expect(JSON.stringify({ name, attributes, events, status })).not.toContain('7700900123');
    }
  });

  it('is not disturbed by a trace that is none', async () => {
    test.answer(async () => ({ template: undefined }));
    const nonsense = { traceparent: 'nonsense', tracestate: '=,=', baggage: '%zz' };
    expect((await test.raw(GET_TEMPLATE, { headers: nonsense })).error).toBeUndefined();
    expect(spanOf(SpanKind.SERVER).parentSpanContext).toBeUndefined();
  });

  it('goes on after telemetry was stopped and started again', async () => {
    await telemetry.stop();
    telemetry = await start();
    test.answer(async () => ({ template: undefined }));
    await test.raw(GET_TEMPLATE);
    expect(spanOf(SpanKind.SERVER).name).toBe(NAME);
  });
});
