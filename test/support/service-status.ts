// A service's status to show, with what a test wants to see changed.

import type { Buckets, Measures, ServiceStatus } from '../../src/admin/source.ts';
import type { LaneSnapshot, PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import { Durations } from '../../src/queue/queue-books.ts';
import type { SlowRequest } from '../../src/queue/slow-record.ts';

/** A lane that has served one request. */
export function laneSnapshot(changes: Partial<LaneSnapshot> = {}): LaneSnapshot {
  return {
    lane: 0,
    pid: 4242,
    workerPid: 4241,
    thread: 0,
    generation: 1,
    state: 'idle',
    reason: null,
    requests: 1,
    ageMs: 65_000,
    sinceMs: 10,
    method: 'GET',
    url: '/a?b',
    request: 0,
    script: '/srv/www/a.php',
    contentLength: 0,
    user: '',
    waitedMs: 0.25,
    runMs: 12,
    memoryBytes: 29_360_128,
    cpuMs: 340,
    workedMs: 1_000,
    ...changes,
  };
}

/** One that has ended. */
export function slowRequest(changes: Partial<SlowRequest> = {}): SlowRequest {
  const ended = changes.number === 2 ? { totalMs: null, error: null } : { totalMs: 12_000, error: 'ANSWER_TIMEOUT' };
  return {
    ...{ number: 1, at: Date.UTC(2026, 1, 3, 4, 5, 0), pool: 'php', method: 'GET', url: '/report.php' },
    ...{ script: '/srv/www/report.php', pid: 4242, attempts: 1, waitedMs: 12, ranMs: 3_040, heldMs: 0 },
    hasAnswered: false,
    process: {
      ...{ state: 'S', waitChannel: 'do_poll', cpuMs: 40, memoryBytes: 29_360_128 },
      files: { socket: 2, pipe: 0, file: 1, other: 0 },
    },
    lastWords: ['<step 1>'],
    ...ended,
    ...changes,
  };
}

/** A pool with one lane. */
export function poolSnapshot(changes: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    name: 'php',
    program: 'php-cgi 8.2.36 (/usr/bin/php-cgi)',
    generation: 1,
    startedAt: 0,
    workers: 8,
    queue: 512,
    governor: 'ready',
    spawnScore: 0,
    lastReload: null,
    manager: 'static',
    counters: {
      accepted: 1_204,
      waiting: 0,
      running: 1,
      finished: 1_199,
      refused: 3,
      aborted: 1,
      failed: 1,
      maxWaiting: 2,
      maxRunning: 4,
      limitReached: 1,
      slow: 0,
      refusedBy: {
        QUEUE_FULL: 2,
        QUEUE_TIMEOUT: 1,
        POOL_RESTING: 0,
        POOL_CLOSING: 0,
        POOL_DRAINED: 0,
        REQUEST_CRASHES: 0,
      },
      retried: 0,
    },
    spawned: 2,
    slow: [],
    cpuMs: 4_200,
    kind: 'workers',
    notReady: null,
    isDrained: false,
    durations: new Durations().snapshot(),
    lastEnds: [],
    servers: [],
    ended: {
      idle: 0,
      'max-requests': 0,
      'max-age': 0,
      'max-memory': 0,
      timeout: 0,
      crash: 1,
      'protocol-error': 0,
      abandoned: 0,
      reload: 0,
      operator: 0,
      shutdown: 0,
    },
    lanes: [laneSnapshot()],
    ...changes,
  };
}

/** A service with one site and one pool. */
export function serviceStatus(changes: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    version: '1.2.3',
    pid: 4240,
    launcher: null,
    startedAt: 0,
    upMs: 65_000,
    state: 'running',
    notReady: [],
    config: '/etc/postern.toml',
    lastReload: null,
    faults: { count: 0, last: null },
    log: null,
    admin: 'http://127.0.0.1:2020/',
    listeners: [
      { address: '127.0.0.1:8000', url: 'http://127.0.0.1:8000/', site: 'main', hosts: [], root: '/srv/www' },
    ],
    certificates: [],
    threads: [],
    answers: { 200: 12 },
    limited: { maxConnections: 0, minBodyRate: 2 },
    pools: [poolSnapshot()],
    ...changes,
  };
}

const buckets = (counts: readonly number[]): Buckets => ({ boundsS: [0.01, 0.1], counts, sumS: 0.5 });

/** What that service has measured. */
export function measures(): Measures {
  return {
    http: [
      { site: 'main', method: 'GET', status: 200, ...buckets([3, 2, 1]) },
      { site: '', method: '_OTHER', status: 0, ...buckets([0, 0, 1]) },
    ],
    pools: new Map([['php', { wait: buckets([5, 0, 0]), run: buckets([1, 2, 2]) }]]),
    active: 2,
    threads: [{ thread: 0, utilization: 0.25, delayP50S: 0.001, delayP99S: 0.01, delayMaxS: 0.02, connections: 3 }],
    process: { cpuS: 1.5, memoryBytes: 80_000_000, heapBytes: 20_000_000, openDescriptors: 31 },
  };
}
