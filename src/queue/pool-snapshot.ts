// What a pool of any kind shows at one moment: plain data for the status page, the metrics and the tests. Pure.

import type { Environment } from '../protocol/cgi/exchange.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { Attempt } from './attempt.ts';
import type { Counters, Durations, DurationsSnapshot, QueueCounters } from './queue-books.ts';
import type { QueuePhase } from './queue-limits.ts';
import type { RequestNumbers } from './request-numbers.ts';
import type { SlowRequest } from './slow-record.ts';
import type { SlowRequests } from './slow-requests.ts';

/** Why a process is, or was, stopped. Kept apart from its state. */
export type StopReason =
  | 'idle'
  | 'max-requests'
  | 'max-age'
  | 'max-memory'
  | 'timeout'
  | 'crash'
  | 'protocol-error'
  | 'abandoned'
  | 'reload'
  | 'operator'
  | 'shutdown';

/** One seat at the moment of the snapshot: a lane, a program that runs, a connection with a request. Times are in milliseconds. */
export interface LaneSnapshot {
  /** Slot on the scoreboard; for other kinds than managed workers, its place in the list. */
  readonly lane: number;
  /** Process id of what answers on it; 0 while unknown. */
  readonly pid: number;
  /** Process id of the worker that the manager started (for a preforked lane, the parent). */
  readonly workerPid: number;
  /** Index of the front thread that holds it; null: none does. 0 where there is but one. */
  readonly thread: number | null;
  readonly generation: number;
  readonly state: 'starting' | 'idle' | 'busy' | 'draining' | 'stopping' | 'gone';
  /** Why its process is being stopped, or why the one before it on this lane was; null: never. */
  readonly reason: StopReason | null;
  /** Requests that this lane's process has finished. */
  readonly requests: number;
  /** Age of the process. */
  readonly ageMs: number;
  /** Time in the present state. */
  readonly sinceMs: number;
  /** The current request, or the last one; empty before the first. Text with control bytes escaped, cut at 200 bytes. */
  readonly method: string;
  readonly url: string;
  /** Number of the current request, by which an operator may end it; 0: there is none. */
  readonly request: number;
  /** The file that it runs, the length of its body, and who asks: HTTP's user; empty, 0 and empty where there is none. */
  readonly script: string;
  readonly contentLength: number;
  readonly user: string;
  /** How long the current, or last, request waited for a seat. */
  readonly waitedMs: number;
  /** How long the current request has run, or the last one ran. */
  readonly runMs: number;
  /** Resident memory that it shares with no file or shared segment, when last looked at, in bytes; 0 while unknown. */
  readonly memoryBytes: number;
  /** CPU time that the process has used when last looked at; 0 while unknown. */
  readonly cpuMs: number;
  /** Time that its process has spent on requests that it finished. */
  readonly workedMs: number;
}

/** The end of a process that was no part of a reload or a shutdown. */
export interface ProcessEndSnapshot {
  /** Counted from 1 for each pool. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly pid: number;
  readonly generation: number;
  readonly reason: StopReason;
  /** How it ended: "SIGKILL", "exit 255"; empty: that is not known. */
  readonly ending: string;
  /** The request that it had, or the last one that it had had; empty: none is known. As in LaneSnapshot. */
  readonly method: string;
  readonly url: string;
  /** How long that ran. */
  readonly runMs: number;
  /** Whether that request was running, and was lost. */
  readonly isCause: boolean;
}

/** A server of a `connect` pool. */
export interface ServerSnapshot {
  readonly address: string;
  readonly isBackup: boolean;
  readonly connections: number;
  /** How long it rests still, in milliseconds; 0: it does not. */
  readonly restsMs: number;
}

/** A pool at one moment. Each kind has all of it; what a kind does not have is 0, empty or null. */
export interface PoolSnapshot {
  readonly name: string;
  readonly kind: 'workers' | 'connect' | 'cgi' | 'module';
  /** What runs, in words: "php-cgi 8.2.36 (/usr/bin/php-cgi)". */
  readonly program: string;
  readonly startedAt: number;
  /** Limits in force: seats at most, and how many may wait. */
  readonly workers: number;
  readonly queue: number;
  /** Why it cannot serve now, in words; null: it can. */
  readonly notReady: string | null;
  /** Whether an operator has it take no new requests. */
  readonly isDrained: boolean;
  readonly counters: QueueCounters;
  readonly durations: DurationsSnapshot;
  /** The last hundred that ran longer than slowAfter, newest first. */
  readonly slow: readonly SlowRequest[];
  readonly lanes: readonly LaneSnapshot[];
  readonly servers: readonly ServerSnapshot[];
  readonly generation: number;
  /** The spawn governor in words: "ready", or "next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)". */
  readonly governor: string;
  readonly spawnScore: number;
  /** Processes that were started, and those that ended, by why. */
  readonly spawned: number;
  /** CPU time of its processes since the start, as far as looks at them have seen it: one a second. */
  readonly cpuMs: number;
  readonly ended: Readonly<Record<StopReason, number>>;
  /** The last ends that were neither of a reload nor of a shutdown, newest first. */
  readonly lastEnds: readonly ProcessEndSnapshot[];
  /** The outcome of the last reload in words; null: there was none. */
  readonly lastReload: string | null;
  /** How the number of processes is decided, in PHP-FPM's words (`pm`). */
  readonly manager: 'static' | 'dynamic' | 'ondemand';
}

/** What a pool without managed workers has none of. */
export const withoutWorkers = {
  generation: 1,
  governor: 'ready',
  spawnScore: 0,
  spawned: 0,
  cpuMs: 0,
  ended: {
    idle: 0,
    'max-requests': 0,
    'max-age': 0,
    'max-memory': 0,
    timeout: 0,
    crash: 0,
    'protocol-error': 0,
    abandoned: 0,
    reload: 0,
    operator: 0,
    shutdown: 0,
  },
  lastEnds: [],
  lastReload: null,
  manager: 'static',
  servers: [],
} as const;

/** What is shown of a queue. */
export interface ShownQueue {
  readonly name: string;
  readonly phase: QueuePhase;
  readonly counters: Pick<Counters, 'snapshot'>;
  readonly durations: Pick<Durations, 'snapshot'>;
  readonly numbers: RequestNumbers;
  readonly slow: Pick<SlowRequests, 'snapshot'>;
  attempts(): Iterable<Attempt>;
}

/** The requests that run, as rows of the scoreboard. */
export function runningRows(queue: ShownQueue, nowMs: number): LaneSnapshot[] {
  return [...queue.attempts()].map((attempt, lane) => ({
    lane,
    pid: attempt.pid,
    workerPid: attempt.pid,
    thread: 0,
    generation: 1,
    state: attempt.state === 'leaving' ? 'draining' : 'busy',
    reason: null,
    requests: 0,
    ageMs: nowMs - attempt.beganAtMs,
    sinceMs: nowMs - attempt.beganAtMs,
    method: showBytes(attempt.request.method),
    url: showBytes(attempt.request.url),
    request: queue.numbers.of(attempt),
    ...aboutRequest(attempt.request.environment),
    waitedMs: attempt.waitedMs,
    runMs: attempt.ranMs(nowMs),
    memoryBytes: 0,
    cpuMs: 0,
    workedMs: 0,
  }));
}

/** What every kind of pool shows of its queue. @param notReady why it could not serve though its queue were open */
export function operated(
  queue: Pick<ShownQueue, 'name' | 'phase' | 'counters' | 'durations' | 'slow'>,
  notReady: string | null = null,
): Pick<PoolSnapshot, 'notReady' | 'isDrained' | 'counters' | 'durations' | 'slow'> {
  const { phase, name, counters, durations, slow } = queue;
  const isDrained = phase === 'drained';
  const closed =
    phase === 'open' ? null : isDrained ? `pool ${name} is drained by an operator` : `pool ${name} is closing`;
  return {
    notReady: closed ?? notReady,
    isDrained,
    counters: counters.snapshot(),
    durations: durations.snapshot(),
    slow: slow.snapshot(),
  };
}

/** What the variables of a request say of it besides its URL. */
export function aboutRequest(environment: Environment | null): Pick<LaneSnapshot, 'script' | 'contentLength' | 'user'> {
  const { SCRIPT_FILENAME = '', CONTENT_LENGTH = '', REMOTE_USER = '', HTTP_AUTHORIZATION = '' } = environment ?? {};
  const length = Number(CONTENT_LENGTH);
  return {
    script: showBytes(SCRIPT_FILENAME),
    contentLength: Number.isSafeInteger(length) ? length : 0,
    user: showBytes(REMOTE_USER || basicUser(HTTP_AUTHORIZATION)),
  };
}

/** The user of "Basic dXNlcjpwYXNz"; empty: it is none. */
function basicUser(authorization: string): string {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1];
  return encoded === undefined ? '' : (Buffer.from(encoded, 'base64').toString('latin1').split(':', 1)[0] ?? '');
}

/** Byte strings of clients as text that a terminal and a page can show. */
export function showBytes(bytes: string): string {
  return bytesToLog(bytes, 200);
}
