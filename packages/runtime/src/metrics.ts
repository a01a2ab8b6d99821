import { createRequire } from 'node:module';
import type * as PromClient from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

/** One metric, as Prometheus names them: base units, counters end in `_total`. docs/observability.md is made from these. */
export type MetricDefinition = {
  /** Without the prefix `mom4c_`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each with its values in words; they must be few. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Of a histogram; those for seconds where absent. */
  readonly buckets?: readonly number[];
};

/** What every program shows. */
export const commonMetrics = {
  info: {
    name: 'build_info',
    type: 'gauge',
    help: 'Always 1.',
    labels: { version: 'of mom4c' },
  },
  expiry: {
    name: 'certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When a certificate stops to be valid, Unix seconds.',
    labels: { certificate: '`own` or `authority`' },
  },
} as const satisfies Record<string, MetricDefinition>;

/** What is read at each scrape: one number, or one for each combination of labels. */
export type Reading = number | Iterable<readonly [labels: Labels, value: number]>;

/** Metrics of one process. */
export type Metrics = {
  counter(of: MetricDefinition): { add(labels?: Labels, count?: number): void };
  histogram(of: MetricDefinition): { observe(value: number, labels?: Labels): void };
  /** A gauge, or a counter that somebody else keeps. */
  watch(of: MetricDefinition, read: () => Reading): void;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
};

export const METRIC_PREFIX = 'mom4c_';
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** A histogram of the event loop's delay at the library's 10 ms would wake a small device a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 1000;

/** A hundred files, of no use to the command line: loaded with the first metrics. */
const loadLibrary = (): typeof PromClient => createRequire(import.meta.url)('prom-client');

export function createMetrics(app: string): Metrics {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = loadLibrary();
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  const common = ({ name, help, labels = {} }: MetricDefinition) => ({
    name: METRIC_PREFIX + name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
  });
  return {
    counter(of) {
      const counter = new Counter(common(of));
      return { add: (values = {}, count = 1) => counter.inc(values, count) };
    },
    histogram(of) {
      const histogram = new Histogram({ ...common(of), buckets: [...(of.buckets ?? SECONDS)] });
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    watch(of, read) {
      const each = function* (): Generator<readonly [Labels, number]> {
        const reading = read();
        if (typeof reading === 'number') yield [{}, reading];
        else yield* reading;
      };
      if (of.type === 'counter') {
        const counter: PromClient.Counter = new Counter({
          ...common(of),
          collect() {
            counter.reset();
            for (const [labels, value] of each()) counter.inc(labels, value);
          },
        });
      } else {
        const gauge: PromClient.Gauge = new Gauge({
          ...common(of),
          collect() {
            gauge.reset();
            for (const [labels, value] of each()) gauge.set(labels, value);
          },
        });
      }
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
