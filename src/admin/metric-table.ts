// Makes metrics of plain data: families by name, help and type, with their series, in prom-client's form. A registry is made anew for each scrape.

import type { Registry } from 'prom-client';
import type { Buckets } from './source.ts';

/** Label -> value. */
export type Labels = Readonly<Record<string, string>>;

/** One series: its labels and its value. */
export type Series = readonly [labels: Labels, value: number];

/** One histogram: its labels and its buckets. */
export type HistogramSeries = readonly [labels: Labels, buckets: Buckets];

/** A value in prom-client's form. */
interface MetricValue {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * Adds metrics to a registry. prom-client's own classes count what they are shown, and give a metric without series a 0; here the counting
 * is done, and only its form is needed.
 */
export class MetricTable {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter(name: string, help: string, series: readonly Series[]): void {
    this.#add(name, help, 'counter', series.map(toValue));
  }

  gauge(name: string, help: string, series: readonly Series[]): void {
    this.#add(name, help, 'gauge', series.map(toValue));
  }

  histogram(name: string, help: string, series: readonly HistogramSeries[]): void {
    const values = series.flatMap(([labels, buckets]) => histogramValues(name, labels, buckets));
    this.#add(name, help, 'histogram', values);
  }

  #add(name: string, help: string, type: string, values: readonly MetricValue[]): void {
    const metric = { name, help, type, get: () => Promise.resolve({ name, help, type, values }) };
    this.#registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  }
}

const toValue = ([labels, value]: Series): MetricValue => ({ labels, value });

/** Buckets are summed up: each holds those below it. */
function histogramValues(name: string, labels: Labels, { boundsS, counts, sumS }: Buckets): MetricValue[] {
  let sum = 0;
  const values: MetricValue[] = counts.map((count, at) => {
    sum += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: boundsS[at] ?? '+Inf' }, value: sum };
  });
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: sumS },
    { metricName: `${name}_count`, labels, value: sum },
  ];
}
