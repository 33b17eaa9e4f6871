// How long requests took, by site, method and status: fixed buckets in shared memory, one writer, summed up by whoever is asked for metrics.
//
//   | series in use, i32 | pad, 4 | series: site's name, 40 bytes | method, u16 | status, u16 | pad, 4 | buckets, f64 each | sum of seconds, f64 |
//
// A table says of itself what it counts, so that a reader in another thread needs nothing but the buffer.

/** Upper bounds of the buckets, in seconds: OpenTelemetry's for `http.server.request.duration`, and three below them, where warm programs answer. */
export const httpBoundsS: readonly number[] = [
  ...[0.0005, 0.001, 0.002],
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
];

/** OpenTelemetry's: any other is "_OTHER", since a client may send any. */
const methods = [
  '_OTHER',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'QUERY',
  'CONNECT',
  'TRACE',
] as const;
const statuses = 600;

/** Pairs of site, method and status that are told apart; what comes beyond is counted in the first series. */
const mostSeries = 1_024;
const nameBytes = 40;
const headBytes = nameBytes + 8;
const buckets = httpBoundsS.length + 1;
const seriesBytes = headBytes + (buckets + 1) * 8;
const beginBytes = 8;

/** One series at one moment. */
export interface HttpSeries {
  readonly site: string;
  readonly method: string;
  /** 0: of more than can be told apart. */
  readonly status: number;
  /** Requests in each bucket, not summed up. */
  readonly counts: readonly number[];
  readonly sumS: number;
}

/** The series of one thread. */
export class HttpDurations {
  static readonly bytes = beginBytes + mostSeries * seriesBytes;
  readonly buffer: SharedArrayBuffer;
  readonly #used: Int32Array;
  readonly #cells: Float64Array;
  /** By site: the number of a series for each method and status; 0: there is none yet. */
  readonly #series = new Map<string, Uint16Array>();
  #site = '';
  #ofSite: Uint16Array = new Uint16Array(0);

  /** @param buffer one of `bytes` that nobody else writes: of a thread that took the place of another, with what that had counted */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HttpDurations.bytes)) {
    this.buffer = buffer;
    this.#used = new Int32Array(this.buffer, 0, 1);
    this.#cells = new Float64Array(this.buffer);
    if (this.#used[0] === 0) this.#open('', 0, 0);
    for (let series = 1; series < this.#used[0]!; series += 1) this.#meet(series);
  }

  /** A request is over. */
  note(site: string, method: string, status: number, ms: number): void {
    if (site !== this.#site) this.#turnTo(site);
    const methodAt = method === 'GET' ? 1 : Math.max(0, methods.indexOf(method as (typeof methods)[number]));
    const key = methodAt * statuses + (status < statuses ? status : 0);
    let series = this.#ofSite[key]!;
    if (series === 0) {
      series = this.#open(site, methodAt, status);
      this.#ofSite[key] = series;
    }
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < buckets - 1 && seconds > httpBoundsS[bucket]!) bucket += 1;
    const at = (beginBytes + series * seriesBytes + headBytes) / 8;
    this.#cells[at + bucket]! += 1;
    this.#cells[at + buckets]! += seconds;
  }

  snapshot(): HttpSeries[] {
    return readHttpDurations([this.buffer]);
  }

  #turnTo(site: string): void {
    let known = this.#series.get(site);
    if (known === undefined) {
      known = new Uint16Array(methods.length * statuses);
      this.#series.set(site, known);
    }
    this.#site = site;
    this.#ofSite = known;
  }

  /** One that was there before. */
  #meet(series: number): void {
    const head = headOf(this.buffer, series);
    this.#turnTo(siteOf(head));
    this.#ofSite[head.getUint16(nameBytes) * statuses + head.getUint16(nameBytes + 2)] = series;
  }

  /** A new series; the first one when there is no room. */
  #open(site: string, method: number, status: number): number {
    const series = this.#used[0]!;
    if (series === mostSeries) return 0;
    const head = headOf(this.buffer, series);
    for (let at = 0; at < Math.min(site.length, nameBytes); at += 1) head.setUint8(at, site.charCodeAt(at));
    head.setUint16(nameBytes, method);
    head.setUint16(nameBytes + 2, status);
    // Now it may be read.
    Atomics.store(this.#used, 0, series + 1);
    return series;
  }
}

/** What the tables of all threads say together. */
export function readHttpDurations(buffers: readonly SharedArrayBuffer[]): HttpSeries[] {
  const sums = new Map<string, { site: string; method: string; status: number; counts: number[]; sumS: number }>();
  for (const buffer of buffers) {
    const used = Atomics.load(new Int32Array(buffer, 0, 1), 0);
    const cells = new Float64Array(buffer);
    for (let series = 0; series < used; series += 1) {
      const from = beginBytes + series * seriesBytes;
      const head = headOf(buffer, series);
      const site = siteOf(head);
      const method = methods[head.getUint16(nameBytes)] ?? '_OTHER';
      const status = head.getUint16(nameBytes + 2);
      const key = `${site} ${method} ${status}`;
      const sum = sums.get(key) ?? { site, method, status, counts: new Array<number>(buckets).fill(0), sumS: 0 };
      sums.set(key, sum);
      const at = (from + headBytes) / 8;
      for (let bucket = 0; bucket < buckets; bucket += 1) sum.counts[bucket]! += cells[at + bucket]!;
      sum.sumS += cells[at + buckets]!;
    }
  }
  return [...sums.values()].filter(({ counts }) => counts.some((count) => count > 0));
}

function headOf(buffer: SharedArrayBuffer, series: number): DataView {
  return new DataView(buffer, beginBytes + series * seriesBytes, headBytes);
}

function siteOf(head: DataView): string {
  let name = '';
  for (let at = 0; at < nameBytes; at += 1) {
    const byte = head.getUint8(at);
    if (byte === 0) break;
    name += String.fromCharCode(byte);
  }
  return name;
}
