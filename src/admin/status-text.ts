// The status of a service as text for people: what the terminal shows, and a browser gets. Pure.

import type { LaneSnapshot, PoolSnapshot, ProcessEndSnapshot, ServerSnapshot } from '../queue/pool-snapshot.ts';
import type { QueueCounters } from '../queue/queue-books.ts';
import {
  type Cell,
  type Column,
  causesOf,
  formatCount,
  formatDuration,
  formatSize,
  formatTable,
  type Paint,
  plainPaint,
  type Style,
} from './formatting.ts';
import { percentile } from './percentiles.ts';
import type { ServiceStatus } from './source.ts';

/** How the text is to look. */
export interface StatusLook {
  readonly paint?: Paint;
  /** Columns of the terminal; 0: lines may be of any length. @default 0 */
  readonly width?: number;
}

/** The whole page. */
export function formatStatus(status: ServiceStatus, { paint = plainPaint, width = 0 }: StatusLook = {}): string {
  return [...head(status, paint), ...status.pools.flatMap((pool) => ['', ...poolLines(pool, paint, width)]), ''].join(
    '\n',
  );
}

function head(status: ServiceStatus, paint: Paint): string[] {
  const isReady = status.notReady.length === 0;
  const state = isReady ? paint('green', 'ready') : paint('red', `not ready: ${status.notReady.join('; ')}`);
  const label = (text: string): string => paint('dim', text.padEnd(8));
  const lines = [
    `${paint('bold', `Postern ${status.version}`)}  pid ${status.pid}${status.launcher === null ? '' : ` (launcher ${status.launcher})`}, up ${formatDuration(status.upMs)}, ${state}`,
    ...status.listeners.map(({ site, url, address, root }) =>
      `  ${label(site)}  ${paint('cyan', url ?? address)}  ${root ?? ''}`.trimEnd(),
    ),
  ];
  if (status.admin !== null) lines.push(`  ${label('admin')}  ${paint('cyan', status.admin)}`);
  if (status.config !== null) lines.push(`  ${label('config')}  ${status.config}`);
  for (const { site, names, from, expiresAt, trouble } of status.certificates) {
    const until = `until ${new Date(expiresAt).toISOString().slice(0, 10)}`;
    const how = trouble === null ? until : paint('red', `${until}: ${trouble}`);
    lines.push(`  ${label('tls')}  ${site}: ${names.join(', ')} from ${from}, ${how}`);
  }
  if (status.lastReload !== null) {
    const { at, ok, message } = status.lastReload;
    const [first = '', ...more] = message.split('\n').map((line) => paint(ok ? 'green' : 'red', line));
    lines.push(`  ${label('reload')}  ${clockTime(at)} ${first}`);
    lines.push(...more.map((line) => `  ${label('')}  ${line}`));
  }
  const { faults, log } = status;
  if (faults.last !== null) {
    const { at, where, message } = faults.last;
    const last = `${formatCount(faults.count)} survived; the last, at ${clockTime(at)} in ${where}: ${message} (its stack is in the log)`;
    lines.push(`  ${label('faults')}  ${paint('red', last)}`);
  }
  if (log !== null && (log.trouble !== null || log.lostLines > 0)) {
    const now = log.trouble === null ? 'written again' : `cannot be written (${log.trouble})`;
    lines.push(`  ${label('log')}  ${paint('red', `${now}, ${formatCount(log.lostLines)} lines lost`)}`);
  }
  const answers = Object.entries(status.answers).map(([code, count]) => `${code}: ${formatCount(count)}`);
  if (answers.length > 0) lines.push(`  ${label('answers')}  ${answers.join('  ')}`);
  const limited = Object.entries(status.limited).filter(([, count]) => count > 0);
  const hits = limited.map(([key, count]) => `${key}: ${formatCount(count)}`);
  if (hits.length > 0) lines.push(`  ${label('limited')}  ${hits.join('  ')}`);
  return lines;
}

function poolLines(pool: PoolSnapshot, paint: Paint, width: number): string[] {
  const { counters } = pool;
  const lanes = pool.lanes.filter((lane) => lane.state !== 'gone');
  const count = (wanted: string): number => lanes.filter(({ state }) => state === wanted).length;
  // What leaves has no place among those that count, and may run for long.
  const leaving = count('draining') === 0 ? '' : `, ${count('draining')} more leaving`;
  const busy =
    pool.kind === 'workers'
      ? `${count('busy')} busy, ${count('idle')} idle of ${pool.workers}${leaving}`
      : `${counters.running} busy of ${pool.workers}`;
  const causes = causesOf(counters.refusedBy);
  return [
    `${paint('bold', `pool ${pool.name}`)}  ${pool.program}`,
    `  ${busy}; ${counters.waiting} waiting of ${pool.queue}`,
    `  requests  ${requestCounts(counters)}`,
    ...(causes === '' ? [] : [`  refused   ${causes}`]),
    `  peaks     ${counters.maxRunning} running, ${counters.maxWaiting} waiting, limit reached ${times(counters.limitReached)}`,
    ...timeLines(pool),
    ...(pool.kind === 'workers' ? workerLines(pool, paint) : []),
    ...pool.servers.map((server) => serverLine(server, paint)),
    ...laneLines(lanes, paint, width),
  ];
}

/** How long requests ran and waited, since the start. */
function timeLines({ durations: { boundsMs, run, wait } }: PoolSnapshot): string[] {
  const told = [0.5, 0.95, 0.99].map((share) => [`p${share * 100}`, percentile(boundsMs, run.counts, share)] as const);
  const waited = percentile(boundsMs, wait.counts, 0.95);
  if (waited === null) return [];
  const words = told.map(([name, ms]) => `${name} ${formatDuration(ms ?? 0)}`);
  return [`  ran       ${words.join(', ')}; waited p95 ${formatDuration(waited)}`];
}

function workerLines(pool: PoolSnapshot, paint: Paint): string[] {
  const ended = Object.entries(pool.ended).filter(([, count]) => count > 0);
  const governor = pool.governor === 'ready' ? 'ready' : paint('yellow', pool.governor);
  return [
    `  workers   generation ${pool.generation}, ${formatCount(pool.spawned)} started${ended.map(([why, count]) => `, ${formatCount(count)} ended: ${why}`).join('')}`,
    `  governor  ${governor} ${paint('dim', `(score ${pool.spawnScore.toFixed(1)})`)}`,
    ...(pool.lastReload === null ? [] : [`  reload    ${pool.lastReload}`]),
    ...pool.lastEnds.slice(0, mostEnds).map((end) => endLine(end, paint)),
  ];
}

/** Ends of processes that are told; the dashboard has more. */
const mostEnds = 3;

function endLine({ at, pid, reason, ending, method, url, runMs, isCause }: ProcessEndSnapshot, paint: Paint): string {
  const why = ending === '' || ending === reason ? reason : `${reason} (${ending})`;
  const request = isCause ? `, while it ran ${method} ${url}, after ${formatDuration(runMs)}` : '';
  return `  last end  ${clockTime(at)} process ${pid}: ${isCause ? paint('red', why) : why}${request}`;
}

function serverLine({ address, isBackup, connections, restsMs }: ServerSnapshot, paint: Paint): string {
  const state = restsMs > 0 ? paint('yellow', `rests for ${formatDuration(restsMs)} after failures`) : 'up';
  return `  server    ${address}${isBackup ? ' (backup)' : ''}  ${state}, ${formatCount(connections)} connections`;
}

/** What became of the requests; what has not happened is left out. Failed ones are told apart from those that a client left. */
function requestCounts({ accepted, finished, refused, failed, aborted, retried }: QueueCounters): string {
  const rare = Object.entries({ failed, aborted: aborted - failed, retried }).filter(([, count]) => count > 0);
  const usual = Object.entries({ accepted, finished, refused });
  return [...usual, ...rare].map(([name, count]) => `${formatCount(count)} ${name}`).join(', ');
}

/** A table of the lanes; those that have not been needed yet, which may be many, are one line. */
function laneLines(lanes: readonly LaneSnapshot[], paint: Paint, width: number): string[] {
  const isFresh = ({ state, pid, requests, reason }: LaneSnapshot): boolean =>
    state === 'idle' && pid === 0 && requests === 0 && reason === null;
  const used = lanes.filter((lane) => !isFresh(lane));
  const fresh = lanes.length - used.length;
  // Where there is but one thread, it says nothing.
  const hasThreads = lanes.some(({ thread }) => thread !== null && thread > 0);
  const shown = hasThreads ? columns : columns.filter(({ title }) => title !== 'thread');
  const rows = used.map((lane) => laneCells(lane, hasThreads));
  const table = used.length === 0 ? [] : formatTable(shown, rows, paint, Math.max(0, width - 2));
  const rest = fresh === 0 ? [] : [paint('dim', `${fresh} ${used.length === 0 ? '' : 'more '}idle, not needed yet`)];
  return table.length + rest.length === 0 ? [] : ['', ...[...table, ...rest].map((line) => `  ${line}`)];
}

const columns: readonly Column[] = [
  { title: 'lane', align: 'right', isSpare: true },
  { title: 'pid', align: 'right' },
  { title: 'gen', align: 'right', isSpare: true },
  { title: 'thread', align: 'right', isSpare: true },
  { title: 'state', align: 'left' },
  { title: 'requests', align: 'right' },
  { title: 'age', align: 'right' },
  { title: 'memory', align: 'right', isSpare: true },
  { title: 'waited', align: 'right', isSpare: true },
  { title: 'ran', align: 'right' },
  { title: 'last end', align: 'left' },
  { title: 'request', align: 'left' },
];

export const laneStateStyles: Readonly<Record<LaneSnapshot['state'], Style>> = {
  starting: 'blue',
  idle: 'green',
  busy: 'yellow',
  draining: 'magenta',
  stopping: 'magenta',
  gone: 'dim',
};

function laneCells(lane: LaneSnapshot, hasThreads: boolean): Cell[] {
  const isBusy = lane.state === 'busy' || lane.state === 'draining';
  const hasRequest = lane.method !== '';
  const request = `${lane.method} ${lane.url}`.trimEnd();
  // The reason is that of this process once it is being stopped, and else that of the one before it.
  const isEnding = lane.state === 'draining' || lane.state === 'stopping';
  const state = isEnding && lane.reason !== null ? `${lane.state}: ${lane.reason}` : lane.state;
  return [
    String(lane.lane),
    lane.pid === 0 ? '-' : String(lane.pid),
    String(lane.generation),
    ...(hasThreads ? [lane.thread === null ? '-' : String(lane.thread)] : []),
    { text: state, style: laneStateStyles[lane.state] },
    formatCount(lane.requests),
    lane.pid === 0 ? '-' : formatDuration(lane.ageMs),
    lane.memoryBytes === 0 ? '-' : formatSize(lane.memoryBytes),
    hasRequest ? formatDuration(lane.waitedMs) : '-',
    hasRequest ? formatDuration(lane.runMs) : '-',
    (isEnding ? null : lane.reason) ?? '-',
    isBusy ? request : { text: request, style: 'dim' },
  ];
}

const times = (count: number): string => (count === 1 ? 'once' : `${formatCount(count)} times`);

const clockTime = (at: number): string => new Date(at).toLocaleTimeString('en-GB');
