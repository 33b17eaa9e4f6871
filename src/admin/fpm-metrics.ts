// The pools under the names of the common exporter of PHP-FPM (hipages/php-fpm_exporter), so that the dashboards made for it work.

import { Registry } from 'prom-client';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { activeProcesses, processesOf } from './fpm-status.ts';
import { type Labels, MetricTable, type Series } from './metric-table.ts';
import type { ServiceStatus } from './source.ts';

type Reading = readonly [type: 'counter' | 'gauge', name: string, help: string, read: (pool: PoolSnapshot) => number];

const idle = (pool: PoolSnapshot): number => processesOf(pool).length - activeProcesses(pool);

/** Names, types and meanings are the exporter's. */
const readings: readonly Reading[] = [
  ['gauge', 'up', 'Whether the pool can serve.', ({ notReady }) => (notReady === null ? 1 : 0)],
  ['counter', 'scrape_failures', 'Always 0: nothing is asked that could fail.', () => 0],
  ['counter', 'accepted_connections', 'Requests that came to the pool.', ({ counters }) => counters.accepted],
  ['gauge', 'listen_queue', 'Requests that wait.', ({ counters }) => counters.waiting],
  ['counter', 'max_listen_queue', 'Most that have waited at a time.', ({ counters }) => counters.maxWaiting],
  ['gauge', 'listen_queue_length', 'Requests that may wait.', ({ queue }) => queue],
  ['gauge', 'idle_processes', 'Processes that are free.', idle],
  ['gauge', 'active_processes', 'Processes that serve.', activeProcesses],
  ['gauge', 'total_processes', 'Both.', (pool) => processesOf(pool).length],
  ['counter', 'max_active_processes', 'Most that have served at a time.', ({ counters }) => counters.maxRunning],
  [
    'counter',
    'max_children_reached',
    'Times that all workers were busy and requests waited.',
    ({ counters }) => counters.limitReached,
  ],
  ['counter', 'slow_requests', 'Requests that ran longer than slowAfter.', ({ counters }) => counters.slow],
];

/** The states that the exporter knows; here a process has one of two. */
const states = ['Idle', 'Running', 'Reading headers', 'Getting request informations', 'Finishing', 'Ending'];

/** The text, with the media type of the other metrics. @param wallMs milliseconds since 1970 */
export function formatFpmMetrics({ pools }: ServiceStatus, wallMs: number): Promise<string> {
  const registry = new Registry();
  const table = new MetricTable(registry);
  table.counter(
    'phpfpm_start_since',
    'Seconds since the pool was started.',
    pools.map((pool) => [labelsOf(pool), Math.floor((wallMs - pool.startedAt) / 1000)]),
  );
  for (const [type, name, help, read] of readings) {
    table[type](
      `phpfpm_${name}`,
      help,
      pools.map((pool) => [labelsOf(pool), read(pool)]),
    );
  }
  addProcesses(table, pools);
  return registry.metrics();
}

function addProcesses(table: MetricTable, pools: readonly PoolSnapshot[]): void {
  const processes = pools.flatMap((pool) =>
    processesOf(pool).map((lane, child) => ({
      labels: { ...labelsOf(pool), child: String(child) },
      state: lane.state === 'idle' ? 'Idle' : 'Running',
      lane,
    })),
  );
  const each = (read: (one: (typeof processes)[number]) => number): Series[] =>
    processes.map((one) => [one.labels, read(one)]);
  table.counter(
    'phpfpm_process_requests',
    'Requests that the process has finished.',
    each(({ lane }) => lane.requests),
  );
  table.gauge(
    'phpfpm_process_request_duration',
    'How long the request runs, or the last one ran, in microseconds.',
    each(({ lane }) => Math.round(lane.runMs * 1000)),
  );
  table.gauge(
    'phpfpm_process_last_request_cpu',
    "CPU time of the process's requests, of a hundred of the time that they took.",
    each(({ lane }) => (lane.workedMs === 0 ? 0 : (100 * lane.cpuMs) / lane.workedMs)),
  );
  table.gauge(
    'phpfpm_process_last_request_memory',
    "Resident memory of the process's own, in bytes.",
    each(({ lane }) => lane.memoryBytes),
  );
  table.gauge(
    'phpfpm_process_state',
    'Whether the process is in that state.',
    processes.flatMap(({ labels, state }) =>
      states.map((one): Series => [{ ...labels, state: one }, one === state ? 1 : 0]),
    ),
  );
}

/** The exporter says where it has asked; one Postern has one pool of a name. */
function labelsOf({ name }: PoolSnapshot): Labels {
  return { pool: name, scrape_uri: `postern:${name}` };
}
