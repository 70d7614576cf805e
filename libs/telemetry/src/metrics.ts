import { metrics } from '@opentelemetry/api';
import type { Attributes, Meter, ObservableGauge } from '@opentelemetry/api';

/**
 * Every metric, its unit and its labels. Labels have few values, and never an organisation's, a person's or a
 * message's.
 */
export const METRICS = {
  'herald.request.accepted': { kind: 'counter', unit: '{request}', labels: [], text: 'requests accepted' },
  'herald.contact.planned': {
    kind: 'counter',
    unit: '{contact}',
    labels: ['outcome'],
    text: 'contacts accepted, refused or skipped',
  },
  'herald.slice.claimed': { kind: 'counter', unit: '{message}', labels: [], text: 'messages claimed for sending' },
  'herald.send.outcome': { kind: 'counter', unit: '{message}', labels: ['kind'], text: 'sends by what became of them' },
  'herald.record.flushed': { kind: 'histogram', unit: '{message}', labels: [], text: 'outcomes written at once' },
  'herald.recovery.unknown': {
    kind: 'counter',
    unit: '{message}',
    labels: [],
    text: 'messages that became unknown because their owner died',
  },
  'herald.breaker.changed': {
    kind: 'counter',
    unit: '{change}',
    labels: ['scope', 'to'],
    text: 'breakers of accounts and senders that opened, opened again or closed',
  },
  'herald.breaker.open': {
    kind: 'gauge',
    unit: '{breaker}',
    labels: ['scope'],
    text: 'accounts and senders that are left alone for now',
  },
  'herald.callback.received': {
    kind: 'counter',
    unit: '{callback}',
    labels: ['verdict'],
    text: 'webhooks by what the gateway thought of them',
  },
  'herald.callback.settled': {
    kind: 'counter',
    unit: '{callback}',
    labels: ['result'],
    text: 'status callbacks that changed a message, were ignored, or contradicted what was known',
  },
  'herald.outcome.asked': {
    kind: 'counter',
    unit: '{message}',
    labels: ['result'],
    text: 'messages that the provider was asked about, by what the answer came to',
  },
  'herald.outbox.oldest_age': {
    kind: 'gauge',
    unit: 's',
    labels: ['service'],
    text: 'age of the oldest event that is not published',
  },
  'herald.bus.fault': {
    kind: 'counter',
    unit: '{record}',
    labels: ['next'],
    text: 'records whose handler failed, by what comes next',
  },
} as const;

type MetricName = keyof typeof METRICS;
type NamesOf<Kind extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never;
}[MetricName];
type LabelsOf<Name extends MetricName> = { [label in (typeof METRICS)[Name]['labels'][number]]: string };

let meter: { of: unknown; meter: Meter; made: Map<string, unknown> } | undefined;

/** The instrument of a metric, made once for the telemetry that runs now; before its start all of this does nothing. */
function instrument<Made>(
  name: MetricName,
  make: (meter: Meter, options: { unit: string; description: string }) => Made,
): Made {
  const provider = metrics.getMeterProvider();
  if (meter?.of !== provider) meter = { of: provider, meter: metrics.getMeter('herald'), made: new Map() };
  const known = meter.made.get(name) as Made | undefined;
  if (known !== undefined) return known;
  const { unit, text } = METRICS[name];
  const made = make(meter.meter, { unit, description: text });
  meter.made.set(name, made);
  return made;
}

/** A count that only grows. */
export function counter<Name extends NamesOf<'counter'>>(
  name: Name,
): { add(count: number, labels: LabelsOf<Name>): void } {
  return instrument(name, (current, options) => {
    const made = current.createCounter(name, options);
    return { add: (count: number, labels: Attributes) => made.add(count, labels) };
  });
}

/** Values by how often they occur. */
export function histogram<Name extends NamesOf<'histogram'>>(
  name: Name,
): { record(value: number, labels: LabelsOf<Name>): void } {
  return instrument(name, (current, options) => {
    const made = current.createHistogram(name, options);
    return { record: (value: number, labels: Attributes) => made.record(value, labels) };
  });
}

/** A value that is read whenever somebody looks. Returns how to end it. A reading that fails leaves a gap, and so does its end. */
export function gauge<Name extends NamesOf<'gauge'>>(
  name: Name,
  labels: LabelsOf<Name>,
  read: () => Promise<number>,
): () => void {
  const observable = instrument(name, (current, options): ObservableGauge =>
    current.createObservableGauge(name, options),
  );
  const observe = async (result: { observe(value: number, labels: Attributes): void }) => {
    const value = await read().catch(() => undefined);
    if (value !== undefined) result.observe(value, labels);
  };
  observable.addCallback(observe);
  return () => observable.removeCallback(observe);
}
