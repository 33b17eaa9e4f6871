// The counters in Prometheus' text format, made from a status when asked. Pure but for prom-client's registry.

import { Registry } from 'prom-client';
import { type Labels, MetricTable } from './metric-table.ts';
import { addPools } from './pool-metrics.ts';
import type { Measures, ServiceStatus } from './source.ts';

/** The media type of the text. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE;

/** All metrics of a status. The registry is made anew, so that a pool that is gone leaves no series behind. */
export function formatMetrics(status: ServiceStatus, measures: Measures): Promise<string> {
  const registry = new Registry();
  const table = new MetricTable(registry);
  addService(table, status);
  addLog(table, status);
  addHttp(table, status, measures);
  addProcess(table, measures);
  addPools(table, status.pools, measures);
  return registry.metrics();
}

const none: Labels = {};

function addService(table: MetricTable, status: ServiceStatus): void {
  table.gauge('postern_info', 'Which Postern.', [[{ version: status.version }, 1]]);
  table.gauge('postern_start_time_seconds', 'Start, in seconds since 1970.', [[none, status.startedAt / 1000]]);
  table.gauge('postern_ready', 'Whether /readyz says so.', [[none, status.notReady.length === 0 ? 1 : 0]]);
  table.gauge(
    'postern_certificate_expiry_seconds',
    'When a certificate expires, in seconds since 1970.',
    status.certificates.map(({ site, name, expiresAt }) => [{ site, name }, expiresAt / 1000]),
  );
  table.counter('postern_faults_total', 'Errors of its own that the service survived.', [[none, status.faults.count]]);
}

function addLog(table: MetricTable, { log }: ServiceStatus): void {
  if (log === null) return;
  table.counter('postern_log_lost_lines_total', 'Lines of the log that were lost.', [[none, log.lostLines]]);
  table.gauge('postern_log_writable', 'Whether the log can be written.', [[none, log.trouble === null ? 1 : 0]]);
}

/** With OpenTelemetry's names and its words for labels, as its Prometheus exporters write them. */
function addHttp(table: MetricTable, status: ServiceStatus, { http, active }: Measures): void {
  table.histogram(
    'http_server_request_duration_seconds',
    'Duration of HTTP requests, from their head to the end of their answer.',
    http.map((series) => {
      const code = series.status === 0 ? '_OTHER' : String(series.status);
      const labels = { site: series.site, http_request_method: series.method, http_response_status_code: code };
      return [labels, series];
    }),
  );
  table.gauge('http_server_active_requests', 'HTTP requests that are on their way.', [[none, active]]);
  table.counter(
    'postern_answers_total',
    'HTTP answers.',
    Object.entries(status.answers).map(([code, count]) => [{ status: code }, count]),
  );
  table.counter(
    'postern_limited_total',
    'Clients that met a limit, by the key that sets it.',
    Object.entries(status.limited).map(([limit, count]) => [{ limit }, count]),
  );
}

function addProcess(table: MetricTable, { threads, process }: Measures): void {
  const { cpuS, memoryBytes, heapBytes, openDescriptors } = process;
  table.counter('process_cpu_seconds_total', 'CPU time of the service itself, without its workers.', [[none, cpuS]]);
  table.gauge('process_resident_memory_bytes', 'Resident memory of the service itself.', [[none, memoryBytes]]);
  table.gauge('nodejs_heap_used_bytes', "Memory that the service's own objects take.", [[none, heapBytes]]);
  if (openDescriptors !== null)
    table.gauge('process_open_fds', 'Descriptors that the service has open.', [[none, openDescriptors]]);
  const each = (read: (load: (typeof threads)[number]) => number) =>
    threads.map((load) => [{ thread: String(load.thread) }, read(load)] as const);
  table.gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of the last one to two minutes in which a thread had something to do.',
    each(({ utilization }) => utilization),
  );
  table.gauge(
    'postern_connections',
    'Connections of clients that are open.',
    each(({ connections }) => connections),
  );
  const late = 'by how much the event loop of a thread was late in the last one to two minutes';
  table.gauge(
    'nodejs_eventloop_delay_p50_seconds',
    `Median: ${late}.`,
    each(({ delayP50S }) => delayP50S),
  );
  table.gauge(
    'nodejs_eventloop_delay_p99_seconds',
    `99th percentile: ${late}.`,
    each(({ delayP99S }) => delayP99S),
  );
  table.gauge(
    'nodejs_eventloop_delay_max_seconds',
    `Most: ${late}.`,
    each(({ delayMaxS }) => delayMaxS),
  );
}
