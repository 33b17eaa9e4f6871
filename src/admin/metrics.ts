// The counters in Prometheus' text format, made from a status when asked. Pure but for prom-client's registry.

import { Counter, Gauge, Registry } from 'prom-client';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { ServiceStatus } from './source.ts';

/** The media type of the text. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE;

/** All metrics of a status. The registry is made anew, so that a pool that is gone leaves no series behind. */
export function formatMetrics(status: ServiceStatus): Promise<string> {
  const registry = new Registry();
  addService(registry, status);
  for (const [name, help, read] of poolCounters) {
    const counter = new Counter({ name, help, labelNames: ['pool'], registers: [registry] });
    for (const pool of status.pools) counter.inc({ pool: pool.name }, read(pool));
  }
  for (const [name, help, read] of poolGauges) {
    const gauge = new Gauge({ name, help, labelNames: ['pool'], registers: [registry] });
    for (const pool of status.pools) gauge.set({ pool: pool.name }, read(pool));
  }
  addLanes(registry, status.pools);
  addServers(registry, status.pools);
  return registry.metrics();
}

type Reading = readonly [name: string, help: string, read: (pool: PoolSnapshot) => number];

const poolCounters: readonly Reading[] = [
  ['postern_pool_accepted_total', 'Requests that came to the pool.', ({ counters }) => counters.accepted],
  ['postern_pool_finished_total', 'Requests that the program ended.', ({ counters }) => counters.finished],
  ['postern_pool_refused_total', 'Requests that the pool refused.', ({ counters }) => counters.refused],
  [
    'postern_pool_aborted_total',
    'Requests that ended before their answer was complete.',
    ({ counters }) => counters.aborted,
  ],
  ['postern_pool_failed_total', 'Those of the aborted where no client had left.', ({ counters }) => counters.failed],
  ['postern_pool_retried_total', 'Requests that were sent to a second worker.', ({ counters }) => counters.retried],
  [
    'postern_pool_limit_reached_total',
    'Times that all workers were busy and requests waited.',
    ({ counters }) => counters.limitReached,
  ],
  ['postern_pool_spawned_total', 'Processes started.', ({ spawned }) => spawned],
];

const poolGauges: readonly Reading[] = [
  ['postern_pool_ready', 'Whether the pool can serve.', ({ notReady }) => (notReady === null ? 1 : 0)],
  ['postern_pool_waiting', 'Requests that wait for a worker.', ({ counters }) => counters.waiting],
  ['postern_pool_running', 'Requests that run.', ({ counters }) => counters.running],
  ['postern_pool_workers', 'Requests that may run at a time.', ({ workers }) => workers],
  ['postern_pool_queue', 'Requests that may wait.', ({ queue }) => queue],
  ['postern_pool_generation', 'Generation of the workers.', ({ generation }) => generation],
  ['postern_pool_spawn_score', 'Score that holds starts back at its limit.', ({ spawnScore }) => spawnScore],
];

function addService(registry: Registry, status: ServiceStatus): void {
  const registers = [registry];
  new Gauge({ name: 'postern_info', help: 'Which Postern.', labelNames: ['version'], registers }).set(
    { version: status.version },
    1,
  );
  new Gauge({ name: 'postern_start_time_seconds', help: 'Start, in seconds since 1970.', registers }).set(
    status.startedAt / 1000,
  );
  new Gauge({ name: 'postern_ready', help: 'Whether /readyz says so.', registers }).set(
    status.notReady.length === 0 ? 1 : 0,
  );
  new Counter({ name: 'postern_faults_total', help: 'Errors of its own that the service survived.', registers }).inc(
    status.faults.count,
  );
  if (status.log !== null) {
    new Counter({ name: 'postern_log_lost_lines_total', help: 'Lines of the log that were lost.', registers }).inc(
      status.log.lostLines,
    );
    new Gauge({ name: 'postern_log_writable', help: 'Whether the log can be written.', registers }).set(
      status.log.trouble === null ? 1 : 0,
    );
  }
  const answers = new Counter({
    name: 'postern_answers_total',
    help: 'HTTP answers.',
    labelNames: ['status'],
    registers,
  });
  for (const [code, count] of Object.entries(status.answers)) answers.inc({ status: code }, count);
}

function addLanes(registry: Registry, pools: readonly PoolSnapshot[]): void {
  const registers = [registry];
  const labelNames = ['pool', 'state'];
  const lanes = new Gauge({ name: 'postern_pool_lanes', help: 'Lanes by state.', labelNames, registers });
  const memory = new Gauge({
    name: 'postern_pool_memory_bytes',
    help: 'Resident memory of the lanes.',
    labelNames: ['pool'],
    registers,
  });
  const ended = new Counter({
    name: 'postern_pool_ended_total',
    help: 'Processes that ended, by why.',
    labelNames: ['pool', 'reason'],
    registers,
  });
  for (const pool of pools) {
    for (const state of ['starting', 'idle', 'busy', 'draining', 'stopping'] as const) {
      lanes.set({ pool: pool.name, state }, pool.lanes.filter((lane) => lane.state === state).length);
    }
    memory.set(
      { pool: pool.name },
      pool.lanes.reduce((sum, lane) => sum + lane.memoryBytes, 0),
    );
    for (const [reason, count] of Object.entries(pool.ended)) ended.inc({ pool: pool.name, reason }, count);
  }
}

function addServers(registry: Registry, pools: readonly PoolSnapshot[]): void {
  const registers = [registry];
  const labelNames = ['pool', 'server'];
  const rests = new Gauge({
    name: 'postern_server_rests',
    help: 'Whether a server of a connect pool gets no requests for a while, after failures.',
    labelNames,
    registers,
  });
  const connections = new Gauge({
    name: 'postern_server_connections',
    help: 'Connections to a server of a connect pool.',
    labelNames,
    registers,
  });
  for (const pool of pools) {
    for (const { address, restsMs, connections: open } of pool.servers) {
      rests.set({ pool: pool.name, server: address }, restsMs > 0 ? 1 : 0);
      connections.set({ pool: pool.name, server: address }, open);
    }
  }
}
