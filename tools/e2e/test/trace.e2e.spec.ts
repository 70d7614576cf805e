import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { ListAuditEntriesRequest } from '@herald/contracts/audit';
import { startTelemetry } from '@herald/telemetry';
import { eventually } from '@herald/testing';
import { contactOf, requestOf, runningHerald, type RunningHerald } from './running-herald';

describe('a trace', () => {
  const exporter = new InMemorySpanExporter();
  let telemetry: { stop(): Promise<void> };
  let herald: RunningHerald;

  beforeAll(async () => {
    telemetry = await startTelemetry({
      serviceName: 'herald',
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    herald = await runningHerald();
  });
  afterAll(async () => {
    await herald.stop();
    await telemetry.stop();
  });

  const spansOf = (traceId: string) =>
    exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
  const one = (spans: readonly ReadableSpan[], name: string): ReadableSpan => {
    const [span] = spans.filter((candidate) => candidate.name === name);
    if (!span) throw new Error(`no span ${name} among ${spans.map((candidate) => candidate.name).join(', ')}`);
    return span;
  };
  const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;

  it('goes from the call through the outbox and the bus to the provider, and from the webhook to the ledger', async () => {
    const { outboundConfigurationId } = await herald.organisation('traced');
    const all = herald.as({ org: 'traced' });
    const tracer = trace.getTracer('spec');
    const traceId = await tracer.startActiveSpan('a caller', async (span) => {
      await all.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
      span.end();
      return span.spanContext().traceId;
    });

    const sent = await eventually(() => {
      const spans = spansOf(traceId);
      one(spans, 'provider send');
      return spans;
    });
    const method = 'herald.dispatch.v1.DispatchService/SendOutboundMessages';
    const [client, server] = ['CLIENT', 'SERVER'].map((_, kind) => {
      const found = sent.filter(({ name }) => name === method)[kind === 0 ? 1 : 0];
      if (!found) throw new Error('the call has no two spans');
      return found;
    });
    expect(parentOf(client as ReadableSpan)).toBe(one(spansOf(traceId), 'a caller').spanContext().spanId);
    expect(parentOf(server as ReadableSpan)).toBe(client?.spanContext().spanId);
    const operator = herald.as({ org: 'traced', scopes: ['operator'] });
    const { entries } = await operator.audit.dispatch.listAuditEntries(ListAuditEntriesRequest.fromPartial({}));
    expect(entries.map((entry) => entry.traceId)).toEqual([traceId]);
    const published = one(sent, 'herald.dispatch.v1 publish');
    expect(parentOf(published)).toBe(server?.spanContext().spanId);
    const sending = one(sent, 'dispatch send');
    expect(parentOf(sending)).toBe(published.spanContext().spanId);
    expect(parentOf(one(sent, 'provider send'))).toBe(sending.spanContext().spanId);

    await eventually(async () => {
      const { messages } = await all.dispatch.listMessages({
        outboundRequestId: '',
        states: [],
        pageSize: 1,
        pageToken: '',
      });
      expect(messages[0]?.state).toBe('MESSAGE_STATE_DELIVERED');
    });
    const webhooks = exporter.getFinishedSpans().filter(({ name }) => name.startsWith('webhook'));
    const settled = exporter.getFinishedSpans().filter(({ name }) => name === 'dispatch settle callbacks');
    const webhookIds = new Set(webhooks.map((span) => span.spanContext().spanId));
    expect(settled.length).toBeGreaterThan(0);
    for (const span of settled) expect(webhookIds.has(parentOf(span) ?? '')).toBe(true);
    const linked = settled.flatMap(({ links }) => links.map(({ context }) => context.traceId));
    expect(linked).toContain(traceId);
  });

  it('P22: carries no address, text or secret', () => {
    const told = JSON.stringify(
      exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    );
    for (const secret of ['4255550123', 'Hello Ana', '0123456789abcdef0123456789abcdef'])
      expect(told).not.toContain(secret);
  });
});
