import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';

type Select = PrometheusExporter['selectAggregationTemporality'];
type Instrument = Parameters<Select>[0];

/** These two have names in a package of the exporter's own, which is not ours to import. The second is DELTA. */
const GAUGE = 'OBSERVABLE_GAUGE' as Instrument;
const SINCE_LAST_LOOK: ReturnType<Select> = 0;
/** A gauge that is not read in this time leaves a gap; Prometheus itself gives up after 10 s. */
const READING_MS_MAX = 5_000;

/**
 * Where Prometheus reads the metrics. The exporter alone repeats a gauge's last value for ever, also where its reading
 * fails or it has ended: an outbox that nobody can read would look as short as it last was. Told not to add up gauges,
 * it shows what was read this time and no more. As two looks at once would then share the readings between them, the
 * second waits for the first.
 */
export class PrometheusDoor extends PrometheusExporter {
  #last: Promise<unknown> = Promise.resolve();

  /** `host:port`. */
  constructor(address: string) {
    const colon = address.lastIndexOf(':');
    super({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), preventServerStart: true });
  }

  override selectAggregationTemporality(instrument: Instrument): ReturnType<Select> {
    return instrument === GAUGE ? SINCE_LAST_LOOK : super.selectAggregationTemporality(instrument);
  }

  override collect(): ReturnType<PrometheusExporter['collect']> {
    const look = this.#last.then(() => super.collect({ timeoutMillis: READING_MS_MAX }));
    this.#last = look.catch(() => undefined);
    return look;
  }
}
