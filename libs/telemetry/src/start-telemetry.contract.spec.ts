import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '@herald/ports';
import { SpanKind } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { configureLogs } from './logger';
import { counter, gauge, histogram, METRICS } from './metrics';
import { startTelemetry } from './start-telemetry';
import { isSampled, withSpan } from './traces';

/** The value of the age of a service's oldest event, among all that is shown. */
const ageIn = (shown: string, service: string): string | undefined =>
  new RegExp(`^herald_outbox_oldest_age\\w*\\{[^}]*service="${service}"[^}]*\\} (\\S+)`, 'm').exec(shown)?.[1];

describe('metrics without telemetry', () => {
  it('are counted nowhere, read by nobody, and fail nothing', () => {
    let readings = 0;
    const use = () => {
      counter('herald.send.outcome').add(1, { kind: 'accepted' });
      histogram('herald.record.flushed').record(3, {});
      gauge('herald.outbox.oldest_age', { service: 'dispatch' }, () => Promise.resolve(++readings))();
    };
    expect(use).not.toThrow();
    expect(readings).toBe(0);
  });
});

describe('startTelemetry', () => {
  let port: number;
  let telemetry: { stop(): Promise<void> };
  const read = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

  beforeAll(async () => {
    counter('herald.recovery.unknown').add(5, {});
    port = await freePort();
    telemetry = await startTelemetry({ serviceName: 'spec', metricsAddress: `127.0.0.1:${port}` });
  });
  afterAll(() => telemetry.stop());

  it('shows what was counted to Prometheus', async () => {
    counter('herald.send.outcome').add(2, { kind: 'accepted' });
    counter('herald.send.outcome').add(1, { kind: 'accepted' });
    histogram('herald.record.flushed').record(7, {});
    for (const shown of [await read(), await read()]) {
      expect(shown).toMatch(/^herald_send_outcome\w*\{[^}]*kind="accepted"[^}]*\} 3\b/m);
      expect(shown).toMatch(/^herald_record_flushed\w*_sum(\{[^}]*\})? 7\b/m);
    }
  });

  it('shows an instrument that was first used before the start, from the start on', async () => {
    counter('herald.recovery.unknown').add(2, {});
    expect(await read()).toMatch(/^herald_recovery_unknown\w*(\{[^}]*\})? 2\b/m);
  });

  it('reads a gauge whenever it is looked at, until it is ended', async () => {
    let readings = 0;
    const end = gauge('herald.outbox.oldest_age', { service: 'dispatch' }, () => Promise.resolve(10 + ++readings));
    expect(ageIn(await read(), 'dispatch')).toBe('11');
    expect(ageIn(await read(), 'dispatch')).toBe('12');
    end();
    expect(ageIn(await read(), 'dispatch')).toBeUndefined();
    expect(readings).toBe(2);
  });

  it('shows a gap where a reading fails, not the value before it, and the other readings', async () => {
    let isDown = false;
    const age = () => (isDown ? Promise.reject(new Error('no database')) : Promise.resolve(30));
    const ends = [
      gauge('herald.outbox.oldest_age', { service: 'failing' }, age),
      gauge('herald.outbox.oldest_age', { service: 'working' }, () => Promise.resolve(5)),
    ];
    const ages = async () => {
      const shown = await read();
      return [ageIn(shown, 'failing'), ageIn(shown, 'working')];
    };
    expect(await ages()).toEqual(['30', '5']);
    isDown = true;
    expect(await ages()).toEqual([undefined, '5']);
    isDown = false;
    expect(await ages()).toEqual(['30', '5']);
    for (const end of ends) end();
  });

  it('shows a gap where a reading does not end within 5 s', async () => {
    const asked = Promise.withResolvers<void>();
    const end = gauge('herald.outbox.oldest_age', { service: 'stuck' }, () => {
      asked.resolve();
      return new Promise<number>(() => undefined);
    });
    const timers = jest.spyOn(globalThis, 'setTimeout');
    try {
      const shown = read();
      await asked.promise;
      const [giveUp] = timers.mock.calls.find(([, ms]) => ms === 5_000) ?? [];
      expect(giveUp).toBeDefined();
      giveUp?.();
      expect(ageIn(await shown, 'stuck')).toBeUndefined();
    } finally {
      timers.mockRestore();
      end();
    }
  });

  it('shows every gauge to each of several who look at once', async () => {
    const end = gauge('herald.outbox.oldest_age', { service: 'shared' }, () => Promise.resolve(8));
    const shown = await Promise.all([read(), read(), read()]);
    expect(shown.map((one) => ageIn(one, 'shared'))).toEqual(['8', '8', '8']);
    end();
  });

  it('P22: has no label that could hold an organisation, a person or a message', () => {
    const labels = Object.values(METRICS).flatMap((metric): readonly string[] => metric.labels);
    expect([...new Set(labels)].toSorted()).toEqual([
      ...['kind', 'next', 'outcome', 'result', 'scope', 'service', 'to', 'verdict'],
    ]);
  });
});

describe('stopping telemetry', () => {
  it('ends the door of Prometheus and gives the globals back, so that it can be started again', async () => {
    const metricsPort = await freePort();
    const read = () => fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    for (const claimed of [4, 6]) {
      const telemetry = await startTelemetry({ serviceName: 'spec', metricsAddress: `127.0.0.1:${metricsPort}` });
      counter('herald.slice.claimed').add(claimed, {});
      expect(await (await read()).text()).toMatch(
        new RegExp(`^herald_slice_claimed\\w*(\\{[^}]*\\})? ${claimed}\\b`, 'm'),
      );
      await telemetry.stop();
      await expect(read()).rejects.toThrow('fetch failed');
    }
  });

  it('leaves nothing behind where the port of Prometheus is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port: metricsPort } = other.address() as { port: number };
    await expect(startTelemetry({ serviceName: 'spec', metricsAddress: `127.0.0.1:${metricsPort}` })).rejects.toThrow(
      'EADDRINUSE',
    );
    other.close();
    await once(other, 'close');
    const telemetry = await startTelemetry({ serviceName: 'spec', metricsAddress: `127.0.0.1:${metricsPort}` });
    counter('herald.slice.claimed').add(9, {});
    const shown = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(shown).toMatch(/^herald_slice_claimed\w*(\{[^}]*\})? 9\b/m);
    await telemetry.stop();
  });
});

describe('the standard variables', () => {
  afterEach(() => {
    jest.restoreAllMocks();
    configureLogs({ level: 'info' });
  });

  it('OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say what sent the traces', async () => {
    jest.replaceProperty(process, 'env', {
      OTEL_SERVICE_NAME: 'herald-eu',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,team=care%20desk',
    });
    const exporter = new InMemorySpanExporter();
    const spanProcessors = [new SimpleSpanProcessor({ exporter })];
    const telemetry = await startTelemetry({ serviceName: 'herald', spanProcessors });
    await withSpan('made', { kind: SpanKind.INTERNAL }, () => Promise.resolve());
    expect(exporter.getFinishedSpans()[0]?.resource.attributes).toMatchObject({
      'service.name': 'herald-eu',
      'deployment.environment.name': 'staging',
      team: 'care desk',
    });
    await telemetry.stop();
  });

  it.each([
    ['none where nobody wants them', {}, 0, 0],
    ['one in a hundred where a collector is named', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }, 1, 40],
    [
      'all where OTEL_TRACES_SAMPLER says so',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_SAMPLER: 'always_on' },
      1_000,
      1_000,
    ],
  ])('records of a thousand traces %s', async (_what, variables, least, most) => {
    jest.replaceProperty(process, 'env', { ...variables, OTEL_EXPORTER_OTLP_TIMEOUT: '100' });
    configureLogs({ level: 'silent' });
    const telemetry = await startTelemetry({ serviceName: 'spec' });
    let sampled = 0;
    for (let trace = 0; trace < 1_000; trace += 1) {
      await withSpan('one', { kind: SpanKind.INTERNAL }, async () => {
        if (isSampled()) sampled += 1;
      });
    }
    await telemetry.stop();
    expect(sampled).toBeGreaterThanOrEqual(least);
    expect(sampled).toBeLessThanOrEqual(most);
  });

  it('OTEL_EXPORTER_OTLP_ENDPOINT: a collector that is away fails no stop, and is told of', async () => {
    jest.replaceProperty(process, 'env', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_TRACES_SAMPLER: 'always_on',
    });
    let output = '';
    configureLogs({ level: 'info', destination: { write: (line: string) => void (output += line) } });
    const telemetry = await startTelemetry({ serviceName: 'spec' });
    await withSpan('lost', { kind: SpanKind.INTERNAL }, () => Promise.resolve());
    await telemetry.stop();
    expect(JSON.parse(output)).toMatchObject({ level: 'warn', msg: 'The last traces could not be sent.' });
    expect(isSampled()).toBe(false);
    expect(await withSpan('over', { kind: SpanKind.INTERNAL }, async () => isSampled())).toBe(false);
  });
});
