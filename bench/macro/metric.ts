// Everything that a case can measure, each with its unit and with what is better.

/** One measured quantity. */
interface Metric {
  /** Head of its column. */
  readonly label: string;
  readonly digits: number;
  readonly better: 'more' | 'less';
}

const metric = (label: string, digits: number, better: Metric['better']): Metric => ({ label, digits, better });

/** The quantities by name. Times are in milliseconds unless the name says otherwise, sizes in MB of 10^6 bytes. */
export const metrics = {
  requestsPerSecond: metric('requests/s', 0, 'more'),
  megabytesPerSecond: metric('MB/s', 0, 'more'),
  p50Ms: metric('p50 ms', 2, 'less'),
  p99Ms: metric('p99 ms', 2, 'less'),
  serverMicros: metric('server CPU us/request', 1, 'less'),
  serverUserMicros: metric('of it user', 1, 'less'),
  serverSystemMicros: metric('system', 1, 'less'),
  programMicros: metric('program CPU us/request', 1, 'less'),
  serverMegabytes: metric('server MB', 1, 'less'),
  programMegabytes: metric('program MB', 1, 'less'),
  totalMegabytes: metric('all MB', 1, 'less'),
  errors: metric('errors', 0, 'less'),
  programs: metric('program processes', 0, 'less'),
  servedWorkers: metric('workers that served', 0, 'more'),
  held: metric('idle connections held', 0, 'more'),
  dropped: metric('dropped', 0, 'less'),
  p99AloneMs: metric('p99 ms without idle ones', 2, 'less'),
  p99Ratio: metric('p99 ratio', 2, 'less'),
  firstMs: metric('first answer ms', 1, 'less'),
  allMs: metric('all answered ms', 1, 'less'),
  answered: metric('answered 200', 0, 'more'),
  refused: metric('refused 503', 0, 'less'),
  failed: metric('other errors', 0, 'less'),
  refusalP99Ms: metric('p99 of a 503 ms', 1, 'less'),
  bestPerSecond: metric('best answers/s', 0, 'more'),
  goodPerSecond: metric('good answers/s', 0, 'more'),
  goodputRatio: metric('goodput ratio', 2, 'more'),
  readyMs: metric('ready ms', 0, 'less'),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** What was measured in one round of one case on one peer; NaN: there was nothing to measure. */
export type Sample = Readonly<Partial<Record<MetricName, number>>>;

/** A value as it stands in a table. */
export function formatMetric(name: MetricName, value: number | undefined): string {
  if (value === undefined) return '-';
  const { digits } = metrics[name];
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The medians of several samples, quantity by quantity. */
export function medianSample(samples: readonly Sample[]): Sample {
  const names = Object.keys(metrics) as MetricName[];
  const entries = names.flatMap((name) => {
    const values = samples.map((sample) => sample[name] ?? Number.NaN).filter((value) => !Number.isNaN(value));
    return values.length === 0 ? [] : [[name, median(values)] as const];
  });
  return Object.fromEntries(entries);
}

/** The middle of the values, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[upper]!;
  return (sorted[upper - 1]! + sorted[upper]!) / 2;
}
