import { HeraldError } from '@herald/errors';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { startTelemetry } from './start-telemetry';
import { addSpanAttributes, currentTraceparent, isSampled, linkSpan, withSpan } from './traces';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`;
const OTHER_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PRIVATE = '+447700900123 your parcel';
const internal = { kind: SpanKind.INTERNAL };

describe('traces without telemetry', () => {
  it('does the work, and traces nothing', async () => {
    const work = () => {
      addSpanAttributes({ 'herald.outcome': 'accepted' });
      return Promise.resolve({ traceparent: currentTraceparent(), sampled: isSampled() });
    };
    const seen = await withSpan('nothing', { ...internal, parent: SAMPLED, links: [SAMPLED] }, work);
    expect(seen).toEqual({ traceparent: undefined, sampled: false });
    await expect(withSpan('nothing', internal, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
  });
});

describe('telemetry without a place for traces', () => {
  it('makes no trace, and hands on the one it was given', async () => {
    const telemetry = await startTelemetry({ serviceName: 'spec' });
    try {
      const look = () => Promise.resolve(currentTraceparent());
      expect(await withSpan('nothing', internal, look)).toBeUndefined();
      expect(await withSpan('nothing', { ...internal, parent: SAMPLED }, look)).toBe(SAMPLED);
    } finally {
      await telemetry.stop();
    }
    expect(
      await withSpan('over', { ...internal, parent: SAMPLED }, () => Promise.resolve(currentTraceparent())),
    ).toBeUndefined();
  });
});

describe('traces', () => {
  const exporter = new InMemorySpanExporter();
  const spans = () => exporter.getFinishedSpans();
  let telemetry: { stop(): Promise<void> };

  beforeAll(async () => {
    const spanProcessors = [new SimpleSpanProcessor({ exporter })];
    telemetry = await startTelemetry({ serviceName: 'spec', spanProcessors });
  });
  beforeEach(() => exporter.reset());
  afterAll(() => telemetry.stop());

  it('makes a span of the work inside it the child, also after a wait', async () => {
    await withSpan('outer', internal, async () => {
      await Promise.resolve();
      await withSpan('inner', internal, () => Promise.resolve());
    });
    const [inner, outer] = spans();
    expect([inner?.name, outer?.name]).toEqual(['inner', 'outer']);
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(inner?.spanContext().traceId).toBe(outer?.spanContext().traceId);
  });

  it('continues the trace of a traceparent instead of the running one', async () => {
    await withSpan('running', internal, () =>
      withSpan('later', { ...internal, parent: SAMPLED }, () => Promise.resolve()),
    );
    const [later] = spans();
    expect(later?.spanContext().traceId).toBe(TRACE);
    expect(later?.parentSpanContext?.spanId).toBe(PARENT);
  });

  it('hands out a traceparent that others continue', async () => {
    const traceparent = await withSpan('made', internal, () => Promise.resolve(currentTraceparent()));
    const { traceId, spanId } = spans()[0]?.spanContext() ?? {};
    expect(traceparent).toBe(`00-${traceId}-${spanId}-01`);
    expect(currentTraceparent()).toBeUndefined();
  });

  it('links to other traces, and passes over a traceparent that is none', async () => {
    const links = [`00-${OTHER_TRACE}-${PARENT}-01`, 'nonsense'];
    await withSpan('linked', { ...internal, links }, () => Promise.resolve());
    expect(spans()[0]?.links.map(({ context }) => context.traceId)).toEqual([OTHER_TRACE]);
  });

  it('links the running span to at most 128 traces', async () => {
    const traceparents = Array.from(
      { length: 200 },
      (_, at) => `00-${at.toString(16).padStart(31, '0')}f-${PARENT}-01`,
    );
    await withSpan('linked later', internal, () => Promise.resolve(linkSpan([...traceparents, 'nonsense'])));
    expect(spans()[0]?.links).toHaveLength(128);
    expect(spans()[0]?.links[1]?.context.traceId).toBe(`${'1'.padStart(31, '0')}f`);
    await withSpan('linked to nothing', internal, () => Promise.resolve(linkSpan(['nonsense'])));
    expect(spans()[1]?.links).toEqual([]);
  });

  it('starts a trace of its own where the parent is no traceparent', async () => {
    await withSpan('alone', { ...internal, parent: 'nonsense' }, () => Promise.resolve());
    expect(spans()).toMatchObject([{ name: 'alone' }]);
    expect(spans()[0]?.parentSpanContext).toBeUndefined();
  });

  it('does not record what the parent decided not to', async () => {
    const ask = () => Promise.resolve(isSampled());
    expect(await withSpan('wanted', { ...internal, parent: SAMPLED }, ask)).toBe(true);
    expect(await withSpan('unwanted', { ...internal, parent: UNSAMPLED }, ask)).toBe(false);
    expect(spans().map(({ name }) => name)).toEqual(['wanted']);
  });

  it('carries the attributes it is given, and those added within', async () => {
    await withSpan('send', { ...internal, attributes: { 'herald.message.attempt': 2 } }, () => {
      addSpanAttributes({ 'herald.outcome': 'accepted' });
      return Promise.resolve();
    });
    expect(spans()[0]?.attributes).toEqual({ 'herald.message.attempt': 2, 'herald.outcome': 'accepted' });
  });

  it.each<[string, string, () => unknown]>([
    ['its message and cause', 'TypeError', () => new TypeError(PRIVATE, { cause: new Error(PRIVATE) })],
    ['its name', 'Error', () => Object.assign(new Error('x'), { name: PRIVATE })],
    [
      'what else was put on it',
      'RangeError',
      () => Object.assign(new RangeError('x'), { code: PRIVATE, detail: PRIVATE }),
    ],
    ['a thrown text', 'string', () => PRIVATE],
    ['the text of a reason', 'INTERNAL', () => new HeraldError('INTERNAL', PRIVATE, { metadata: { to: PRIVATE } })],
  ])('P22 S11: marks a failed span by the kind of its error, and keeps out %s', async (_what, kind, make) => {
    const error = make();
    await expect(withSpan('failing', internal, async () => raise(error))).rejects.toBe(error);
    const [span] = spans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: kind });
    const { name, attributes, events, status, links } = span ?? {};
    expect(JSON.stringify({ name, attributes, events, status, links })).not.toMatch(/7700900123|parcel/);
  });
});

function raise(error: unknown): never {
  throw error;
}
