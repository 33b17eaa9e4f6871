// The metrics of pools, the same for each kind.

import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { MetricTable } from './metric-table.ts';
import type { Buckets, Measures } from './source.ts';

type Reading = readonly [name: string, help: string, read: (pool: PoolSnapshot) => number];

const counters: readonly Reading[] = [
  ['postern_pool_accepted_total', 'Requests that came to the pool.', ({ counters: { accepted } }) => accepted],
  ['postern_pool_finished_total', 'Requests that the program ended.', ({ counters: { finished } }) => finished],
  [
    'postern_pool_aborted_total',
    'Requests that ended before their answer was complete.',
    ({ counters: { aborted } }) => aborted,
  ],
  ['postern_pool_failed_total', 'Those of the aborted where no client had left.', ({ counters: { failed } }) => failed],
  ['postern_pool_retried_total', 'Requests that were sent to a second worker.', ({ counters: { retried } }) => retried],
  ['postern_pool_slow_total', 'Requests that ran longer than slowAfter.', ({ counters: { slow } }) => slow],
  [
    'postern_pool_limit_reached_total',
    'Times that all workers were busy and requests waited.',
    ({ counters: { limitReached } }) => limitReached,
  ],
  ['postern_pool_spawned_total', 'Processes started.', ({ spawned }) => spawned],
  [
    'postern_pool_cpu_seconds_total',
    'CPU time of the processes, as far as a look each second has seen it.',
    ({ cpuMs }) => cpuMs / 1000,
  ],
];

const gauges: readonly Reading[] = [
  ['postern_pool_ready', 'Whether the pool can serve.', ({ notReady }) => (notReady === null ? 1 : 0)],
  ['postern_pool_waiting', 'Requests that wait for a worker.', ({ counters: { waiting } }) => waiting],
  ['postern_pool_running', 'Requests that run.', ({ counters: { running } }) => running],
  ['postern_pool_workers', 'Requests that may run at a time.', ({ workers }) => workers],
  ['postern_pool_queue', 'Requests that may wait.', ({ queue }) => queue],
  [
    'postern_pool_saturation_ratio',
    'Requests that run and wait, for each that may run: above 1 more workers are needed. Made for autoscalers.',
    ({ counters: { running, waiting }, workers }) => (running + waiting) / Math.max(1, workers),
  ],
  ['postern_pool_generation', 'Generation of the workers.', ({ generation }) => generation],
  ['postern_pool_spawn_score', 'Score that holds starts back at its limit.', ({ spawnScore }) => spawnScore],
  [
    'postern_pool_memory_bytes',
    'Resident memory of the lanes.',
    ({ lanes }) => lanes.reduce((sum, lane) => sum + lane.memoryBytes, 0),
  ],
];

const states = ['starting', 'idle', 'busy', 'draining', 'stopping'] as const;

/** Adds them. */
export function addPools(table: MetricTable, pools: readonly PoolSnapshot[], measures: Measures): void {
  for (const [name, help, read] of counters)
    table.counter(
      name,
      help,
      pools.map((pool) => [{ pool: pool.name }, read(pool)]),
    );
  for (const [name, help, read] of gauges)
    table.gauge(
      name,
      help,
      pools.map((pool) => [{ pool: pool.name }, read(pool)]),
    );
  const perPool = (
    entriesOf: (pool: PoolSnapshot) => readonly (readonly [key: string, count: number])[],
    label: string,
  ) =>
    pools.flatMap((pool) => entriesOf(pool).map(([key, count]) => [{ pool: pool.name, [label]: key }, count] as const));
  table.counter(
    'postern_pool_refused_total',
    'Requests that the pool refused, by why.',
    perPool(({ counters: { refusedBy } }) => Object.entries(refusedBy), 'cause'),
  );
  table.gauge(
    'postern_pool_lanes',
    'Lanes by state.',
    perPool(
      ({ lanes }) => states.map((state) => [state, lanes.filter((lane) => lane.state === state).length]),
      'state',
    ),
  );
  table.gauge(
    'postern_pool_held_lanes',
    'Lanes by the thread that holds them; 0 is the main thread.',
    pools.flatMap(({ name, lanes }) =>
      measures.threads.map(({ thread }) => [
        { pool: name, thread: String(thread) },
        lanes.filter((lane) => lane.thread === thread).length,
      ]),
    ),
  );
  table.counter(
    'postern_pool_ended_total',
    'Processes that ended, by why.',
    perPool(({ ended }) => Object.entries(ended), 'reason'),
  );
  addDurations(table, pools, measures);
  addServers(table, pools);
}

function addDurations(table: MetricTable, pools: readonly PoolSnapshot[], measures: Measures): void {
  const each = (part: 'wait' | 'run') =>
    pools.flatMap(({ name }) => {
      const buckets = measures.pools.get(name)?.[part];
      return buckets === undefined ? [] : [[{ pool: name }, buckets] satisfies [{ pool: string }, Buckets]];
    });
  table.histogram('postern_pool_wait_seconds', 'How long requests waited for a worker.', each('wait'));
  table.histogram(
    'postern_pool_run_seconds',
    'How long requests ran, without the time in which a slow client held them back.',
    each('run'),
  );
}

function addServers(table: MetricTable, pools: readonly PoolSnapshot[]): void {
  const servers = pools.flatMap((pool) =>
    pool.servers.map((server) => ({ ...server, labels: { pool: pool.name, server: server.address } })),
  );
  table.gauge(
    'postern_server_rests',
    'Whether a server of a connect pool gets no requests for a while, after failures.',
    servers.map(({ labels, restsMs }) => [labels, restsMs > 0 ? 1 : 0]),
  );
  table.gauge(
    'postern_server_connections',
    'Connections to a server of a connect pool.',
    servers.map(({ labels, connections }) => [labels, connections]),
  );
}
