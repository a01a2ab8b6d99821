import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

/** Metrics of one process. Names get the prefix `mom4c_`; labels must be few and of few values. */
export type Metrics = {
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { add(labels?: Labels, count?: number): void };
  /** Read at each scrape. */
  gauge(name: string, help: string, read: () => number): void;
  /** In seconds. */
  histogram(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { observe(seconds: number, labels?: Labels): void };
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
};

const PREFIX = 'mom4c_';
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A histogram of the event loop's delay at the library's 10 ms would wake a small device a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 1000;

export function createMetrics(app: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  const common = (name: string, help: string, labels: readonly string[] = []) => ({
    name: PREFIX + name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter(name, help, labels) {
      const counter = new Counter(common(name, help, labels));
      return { add: (values = {}, count = 1) => counter.inc(values, count) };
    },
    gauge(name, help, read) {
      const gauge: Gauge = new Gauge({
        ...common(name, help),
        collect: () => {
          gauge.set(read());
        },
      });
    },
    histogram(name, help, labels) {
      const histogram = new Histogram({ ...common(name, help, labels), buckets: SECONDS });
      return { observe: (seconds, values = {}) => histogram.observe(values, seconds) };
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
