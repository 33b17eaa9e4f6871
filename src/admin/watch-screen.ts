// `postern status --watch`: what stands on the screen, for one status, one size of the window and what was chosen by keys. Pure.

import type { LaneSnapshot, PoolSnapshot } from '../queue/pool-snapshot.ts';
import {
  type Cell,
  type Column,
  formatCount,
  formatDuration,
  formatSize,
  formatTable,
  type Paint,
} from './formatting.ts';
import type { ServiceStatus } from './source.ts';
import { laneStateStyles } from './status-text.ts';
import type { WatchRates } from './watch-rates.ts';

/** What lanes can be sorted by, in the order of the key. */
export const sortOrders = ['time', 'state', 'requests', 'memory', 'cpu', 'age', 'pool', 'pid'] as const;

/** What was chosen by keys. */
export interface WatchChoice {
  readonly sort: (typeof sortOrders)[number];
  readonly isReversed: boolean;
  /** Lanes that hold it in pool, state, pid, method or URL. */
  readonly filter: string;
  readonly isTyping: boolean;
  readonly isPaused: boolean;
  /** Lanes that are above the window. */
  readonly scroll: number;
}

/** As it begins. */
export const firstChoice: WatchChoice = {
  sort: 'time',
  isReversed: false,
  filter: '',
  isTyping: false,
  isPaused: false,
  scroll: 0,
};

/** What is drawn. */
export interface WatchScene {
  readonly status: ServiceStatus;
  readonly rates: WatchRates;
  readonly choice: WatchChoice;
  /** What went wrong with the last look, in words; null: nothing. */
  readonly trouble: string | null;
}

/** Of the terminal. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

/** In a lower window there are only lanes. */
const leastPoolLines = 4;

interface Row {
  readonly pool: string;
  readonly lane: LaneSnapshot;
}

/** The lines: never more than there are rows. The last one tells the keys. */
export function watchLines(scene: WatchScene, { columns, rows }: WindowSize, paint: Paint): string[] {
  const { status, choice } = scene;
  const roomForPools = Math.floor(rows / 3);
  const pools = roomForPools < leastPoolLines ? [] : poolLines(scene, columns, roomForPools, paint);
  const head = [...headLines(scene, columns, paint), ...pools, ''];
  const all = sortedLanes(status.pools, choice);
  const room = Math.max(0, rows - head.length - 2);
  const scroll = scrollWithin(choice.scroll, all.length, room);
  const shown = all.slice(scroll, scroll + room);
  const table = formatTable(laneColumns, shown.map(laneCells), paint, columns);
  const body = all.length === 0 ? [paint('dim', choice.filter === '' ? 'no lanes' : 'no lane holds that')] : table;
  const lines = [...head, ...body].slice(0, Math.max(0, rows - 1));
  while (lines.length < rows - 1) lines.push('');
  return [...lines, foot(choice, scroll, shown.length, all.length, columns, paint)];
}

/** How many lanes the choice shows, for scrolling. */
export function countLanes({ pools }: ServiceStatus, choice: WatchChoice): number {
  return sortedLanes(pools, choice).length;
}

function headLines({ status, rates, choice, trouble }: WatchScene, columns: number, paint: Paint): string[] {
  const { version, pid, upMs, notReady, pools } = status;
  const isReady = notReady.length === 0;
  const { perSecond, failingPerSecond, p50, p95 } = rates.of(pools.map(({ name }) => name));
  const total = (of: (pool: PoolSnapshot) => number): number => pools.reduce((sum, pool) => sum + of(pool), 0);
  const isFailing = (failingPerSecond ?? 0) > 0;
  const figures: Cell[] = [
    `${formatRate(perSecond)} requests/s`,
    { text: `${formatRate(failingPerSecond)} failing/s`, style: isFailing ? 'red' : 'dim' },
    `${total(({ counters }) => counters.running)} busy of ${total(({ workers }) => workers)}`,
    `${total(({ counters }) => counters.waiting)} waiting`,
    `p50 ${formatTime(p50)}, p95 ${formatTime(p95)}`,
  ];
  const words: Cell[] = [
    { text: `Postern ${version}`, style: 'bold' },
    isReady ? { text: 'ready', style: 'green' } : { text: `not ready: ${notReady.join('; ')}`, style: 'red' },
    ...(choice.isPaused ? [{ text: 'paused', style: 'yellow' } as const] : []),
    `pid ${pid}, up ${formatDuration(upMs)}`,
  ];
  return [
    fitted(words, columns, paint),
    fitted(figures, columns, paint),
    ...(trouble === null ? [] : [fitted([{ text: trouble, style: 'red' }], columns, paint)]),
  ];
}

/** As many of the texts as a line has room for; the first one is cut where it has none. */
function fitted(texts: readonly Cell[], columns: number, paint: Paint): string {
  let room = columns;
  const parts: string[] = [];
  for (const one of texts) {
    const { text, style } = typeof one === 'string' ? { text: one, style: null } : one;
    const isFirst = parts.length === 0;
    if (!isFirst && text.length + 2 > room) continue;
    const shown = isFirst ? text.slice(0, columns) : text;
    room -= shown.length + (isFirst ? 0 : 2);
    parts.push(style === null ? shown : paint(style, shown));
  }
  return parts.join('  ');
}

const poolColumns: readonly Column[] = [
  { title: 'pool', align: 'left' },
  { title: 'busy', align: 'right' },
  { title: 'waiting', align: 'right' },
  { title: 'requests/s', align: 'right' },
  { title: 'p95', align: 'right' },
  { title: 'refused', align: 'right', isSpare: true },
  { title: 'failed', align: 'right', isSpare: true },
  { title: 'state', align: 'left' },
];

/** A line for each pool; those that matter most, where not all have room. */
function poolLines({ status, rates }: WatchScene, columns: number, room: number, paint: Paint): string[] {
  const { pools } = status;
  const weight = ({ notReady, counters }: PoolSnapshot): number =>
    (notReady === null ? 0 : 1e9) + counters.waiting * 1e4 + counters.running;
  const shown =
    pools.length + 2 <= room ? pools : pools.toSorted((a, b) => weight(b) - weight(a)).slice(0, Math.max(1, room - 3));
  const cells = shown.map((pool): Cell[] => {
    const { name, counters, workers, queue, notReady, governor } = pool;
    const { perSecond, p95 } = rates.of([name]);
    const isFull = counters.running >= workers;
    return [
      { text: name, style: 'bold' },
      isFull ? { text: `${counters.running}/${workers}`, style: 'yellow' } : `${counters.running}/${workers}`,
      counters.waiting > 0 ? { text: `${counters.waiting}/${queue}`, style: 'red' } : `${counters.waiting}/${queue}`,
      formatRate(perSecond),
      formatTime(p95),
      formatCount(counters.refused),
      formatCount(counters.failed),
      notReady !== null
        ? { text: notReady, style: 'red' }
        : { text: governor, style: governor === 'ready' ? 'green' : 'yellow' },
    ];
  });
  const hidden = pools.length - shown.length;
  const more = hidden === 0 ? [] : [paint('dim', `${hidden} more pools`)];
  return ['', ...formatTable(poolColumns, cells, paint, columns), ...more];
}

const laneColumns: readonly Column[] = [
  { title: 'pool', align: 'left' },
  { title: 'pid', align: 'right' },
  { title: 'state', align: 'left' },
  { title: 'ran', align: 'right' },
  { title: 'waited', align: 'right', isSpare: true },
  { title: 'requests', align: 'right', isSpare: true },
  { title: 'memory', align: 'right', isSpare: true },
  { title: 'cpu', align: 'right', isSpare: true },
  { title: 'age', align: 'right', isSpare: true },
  { title: 'request', align: 'left' },
];

function laneCells({ pool, lane }: Row): Cell[] {
  const isRunning = lane.request > 0;
  const request = `${lane.method} ${lane.url}`.trimEnd();
  const isEnding = lane.state === 'draining' || lane.state === 'stopping';
  return [
    pool,
    lane.pid === 0 ? '-' : String(lane.pid),
    {
      text: isEnding && lane.reason !== null ? `${lane.state}: ${lane.reason}` : lane.state,
      style: laneStateStyles[lane.state],
    },
    lane.method === '' ? '-' : formatDuration(lane.runMs),
    lane.method === '' ? '-' : formatDuration(lane.waitedMs),
    formatCount(lane.requests),
    lane.memoryBytes === 0 ? '-' : formatSize(lane.memoryBytes),
    lane.cpuMs === 0 ? '-' : formatDuration(lane.cpuMs),
    lane.pid === 0 ? '-' : formatDuration(lane.ageMs),
    isRunning ? request : { text: request, style: 'dim' },
  ];
}

const stateOrder: Readonly<Record<LaneSnapshot['state'], number>> = {
  busy: 0,
  draining: 1,
  stopping: 2,
  starting: 3,
  idle: 4,
  gone: 5,
};

type Comparison = (a: Row, b: Row) => number;

const byTime: Comparison = ({ lane: a }, { lane: b }) =>
  Number(b.request > 0) - Number(a.request > 0) ||
  (a.request > 0 ? b.runMs - a.runMs : stateOrder[a.state] - stateOrder[b.state]);

const comparisons: Readonly<Record<WatchChoice['sort'], Comparison>> = {
  time: byTime,
  state: ({ lane: a }, { lane: b }) => stateOrder[a.state] - stateOrder[b.state],
  requests: ({ lane: a }, { lane: b }) => b.requests - a.requests,
  memory: ({ lane: a }, { lane: b }) => b.memoryBytes - a.memoryBytes,
  cpu: ({ lane: a }, { lane: b }) => b.cpuMs - a.cpuMs,
  age: ({ lane: a }, { lane: b }) => b.ageMs - a.ageMs,
  pool: (a, b) => a.pool.localeCompare(b.pool),
  pid: ({ lane: a }, { lane: b }) => a.pid - b.pid,
};

function sortedLanes(pools: readonly PoolSnapshot[], { sort, isReversed, filter }: WatchChoice): Row[] {
  const wanted = filter.toLowerCase();
  const rows = pools
    .flatMap(({ name, lanes }) => lanes.map((lane) => ({ pool: name, lane })))
    .filter(({ lane }) => lane.state !== 'gone')
    .filter(({ pool, lane }) =>
      `${pool} ${lane.state} ${lane.pid} ${lane.method} ${lane.url}`.toLowerCase().includes(wanted),
    )
    .sort(comparisons[sort]);
  return isReversed ? rows.reverse() : rows;
}

/** Not beyond the last lane. */
function scrollWithin(scroll: number, count: number, room: number): number {
  return Math.max(0, Math.min(scroll, count - room));
}

function foot(
  choice: WatchChoice,
  scroll: number,
  shown: number,
  count: number,
  columns: number,
  paint: Paint,
): string {
  if (choice.isTyping) return `filter: ${choice.filter}_  ${paint('dim', 'Enter: keep it, Esc: none')}`;
  const order = `${choice.sort}${choice.isReversed ? ', reversed' : ''}`;
  const keys = ['q quit', `p ${choice.isPaused ? 'go on' : 'pause'}`, `s sort: ${order}`, 'r reverse'];
  keys.push(choice.filter === '' ? '/ filter' : `/ filter: ${choice.filter}`);
  if (shown < count) keys.push(`↑↓ ${scroll + 1}-${scroll + shown} of ${count}`);
  return fitted(
    keys.map((text) => ({ text, style: 'dim' })),
    columns,
    paint,
  );
}

function formatRate(perSecond: number | null): string {
  if (perSecond === null) return '-';
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

const formatTime = (ms: number | null): string => (ms === null ? '-' : formatDuration(ms));
