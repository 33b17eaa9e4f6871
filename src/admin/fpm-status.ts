// A pool as PHP-FPM's status page shows one: text, JSON, XML, HTML and OpenMetrics, the same fields with the same meanings. Pure.
//
// What an exporter or a health check reads there, it reads here: names, order, units and media types are PHP-FPM's (fpm_status.c), also where
// they are odd (times in whole seconds, durations in microseconds, "listen queue" for what waits). docs/observing.md says what differs.

import type { LaneSnapshot, PoolSnapshot } from '../queue/pool-snapshot.ts';
import { commonLogTime } from '../strftime.ts';

/** What is asked for with the query. */
export type FpmFormat = 'text' | 'html' | 'xml' | 'json' | 'openmetrics';

/** A page as it is sent. */
export interface FpmPage {
  readonly type: string;
  readonly body: string;
}

/** A value: whole numbers, texts, times and shares of CPU are written differently in each format. */
type Value = number | string | { readonly at: number } | { readonly share: number };

/** Names with their values, in PHP-FPM's order. */
type Fields = readonly (readonly [name: string, value: Value])[];

/** PHP-FPM looks for these names in the query, in this order, with any value. */
const formats = ['html', 'xml', 'json', 'openmetrics'] as const;

/**
 * The page that a query asks for: "", "json", "xml&full".
 * @param wallMs milliseconds since 1970
 */
export function fpmStatus(pool: PoolSnapshot, query: string, wallMs: number): FpmPage {
  const asked = new Set(query.split('&').map((part) => part.split('=', 1)[0]));
  const format = formats.find((one) => asked.has(one)) ?? 'text';
  const processes = asked.has('full') ? processesOf(pool).map((lane) => processFields(pool, lane, wallMs)) : null;
  return { type: types[format], body: pages[format](poolFields(pool, wallMs), processes, pool) };
}

/** As PHP-FPM writes them. */
const types: Readonly<Record<FpmFormat, string>> = {
  text: 'text/plain;charset=UTF-8',
  html: 'text/html;charset=UTF-8',
  xml: 'text/xml;charset=UTF-8',
  json: 'application/json',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

type Page = (pool: Fields, processes: readonly Fields[] | null, snapshot: PoolSnapshot) => string;

const pages: Readonly<Record<FpmFormat, Page>> = {
  text: textPage,
  html: htmlPage,
  xml: xmlPage,
  json: jsonPage,
  openmetrics: openMetricsPage,
};

/** Processes that serve or could: those that start or leave are in neither of PHP-FPM's counts. */
export function processesOf({ lanes }: PoolSnapshot): LaneSnapshot[] {
  return lanes.filter(({ state }) => state === 'idle' || isActive(state));
}

/** How many of them serve. */
export function activeProcesses(pool: PoolSnapshot): number {
  return processesOf(pool).filter(({ state }) => isActive(state)).length;
}

const isActive = (state: LaneSnapshot['state']): boolean => state === 'busy' || state === 'draining';

const seconds = (ms: number): number => Math.max(0, Math.floor(ms / 1000));

function poolFields(pool: PoolSnapshot, wallMs: number): Fields {
  const { counters } = pool;
  const active = activeProcesses(pool);
  const total = processesOf(pool).length;
  return [
    ['pool', pool.name],
    ['process manager', pool.manager],
    ['start time', { at: pool.startedAt }],
    ['start since', seconds(wallMs - pool.startedAt)],
    ['accepted conn', counters.accepted],
    ['listen queue', counters.waiting],
    ['max listen queue', counters.maxWaiting],
    ['listen queue len', pool.queue],
    ['idle processes', total - active],
    ['active processes', active],
    ['total processes', total],
    ['max active processes', counters.maxRunning],
    ['max children reached', counters.limitReached],
    ['slow requests', counters.slow],
  ];
}

function processFields(pool: PoolSnapshot, lane: LaneSnapshot, wallMs: number): Fields {
  // A lane that was not needed yet does not know which process is behind it: that began with its pool, as far as can be said.
  const startedAt = lane.pid === 0 ? pool.startedAt : wallMs - lane.ageMs;
  const isRunning = isActive(lane.state);
  return [
    ['pid', lane.pid],
    ['state', isRunning ? 'Running' : 'Idle'],
    ['start time', { at: startedAt }],
    ['start since', seconds(wallMs - startedAt)],
    // PHP-FPM counts the one that runs, too.
    ['requests', lane.requests + (isRunning ? 1 : 0)],
    ['request duration', Math.round(lane.runMs * 1000)],
    ['request method', lane.method || '-'],
    ['request URI', lane.url || '-'],
    ['content length', lane.contentLength],
    ['user', lane.user || '-'],
    ['script', lane.script || '-'],
    // Both are 0 while a request runs.
    ['last request cpu', { share: isRunning || lane.workedMs === 0 ? 0 : (100 * lane.cpuMs) / lane.workedMs }],
    ['last request memory', isRunning ? 0 : lane.memoryBytes],
  ];
}

/** As people read it. */
function shown(value: Value): string {
  return typeof value === 'object' && 'at' in value ? commonLogTime(value.at) : counted(value);
}

/** As programs read it: times are seconds since 1970. */
function counted(value: Value): string {
  if (typeof value !== 'object') return String(value);
  return 'at' in value ? String(Math.floor(value.at / 1000)) : value.share.toFixed(2);
}

function textPage(pool: Fields, processes: readonly Fields[] | null): string {
  const lines = (fields: Fields): string =>
    fields.map(([name, value]) => `${`${name}:`.padEnd(21)} ${shown(value)}\n`).join('');
  return lines(pool) + (processes ?? []).map((one) => `\n************************\n${lines(one)}`).join('');
}

function jsonPage(pool: Fields, processes: readonly Fields[] | null): string {
  const members = (fields: Fields): string =>
    fields.map(([name, value]) => `${JSON.stringify(name.toLowerCase())}:${jsonOf(value)}`).join(',');
  const list = processes === null ? '' : `, "processes":[${processes.map((one) => `{${members(one)}}`).join(',')}]`;
  return `{${members(pool)}${list}}`;
}

/** PHP's json_encode() escapes slashes. */
function jsonOf(value: Value): string {
  return typeof value === 'string' ? JSON.stringify(value).replaceAll('/', '\\/') : counted(value);
}

function xmlPage(pool: Fields, processes: readonly Fields[] | null): string {
  const elements = (fields: Fields): string[] =>
    fields.map(([name, value]) => {
      const tag = name.toLowerCase().replaceAll(' ', '-');
      return `<${tag}>${escapeMarkup(counted(value))}</${tag}>`;
    });
  const list = processes?.map((one) => `<process>${elements(one).join('')}</process>\n`).join('') ?? '';
  const inner = processes === null ? '' : `<processes>\n${list}</processes>\n`;
  return `<?xml version="1.0" ?>\n<status>\n${elements(pool).join('\n')}\n${inner}</status>`;
}

function htmlPage(pool: Fields, processes: readonly Fields[] | null): string {
  const rows = pool.map(([name, value]) => `<tr><th>${name}</th><td>${escapeMarkup(shown(value))}</td></tr>\n`);
  return `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head><title>PHP-FPM Status Page</title></head>
<body>
<table>
${rows.join('')}</table>
${processes === null ? '' : processTable(processes)}</body></html>`;
}

const processNames = [
  ...['pid', 'state', 'start time', 'start since', 'requests', 'request duration', 'request method', 'request uri'],
  ...['content length', 'user', 'script', 'last request cpu', 'last request memory'],
];

function processTable(processes: readonly Fields[]): string {
  const head = processNames.map((name) => `<th>${name}</th>`).join('');
  const rows = processes.map((one) => one.map(([, value]) => `<td>${escapeMarkup(shown(value))}</td>`).join(''));
  return `<table border="1">\n<tr>${head}</tr>\n${rows.map((row) => `<tr>${row}</tr>\n`).join('')}</table>`;
}

/** OpenMetrics' name, type and help of the fields that are counts. PHP-FPM gives the same with `full` and without. */
const families: Readonly<Record<string, readonly [name: string, type: 'gauge' | 'counter', help: string]>> = {
  'start since': ['start_since', 'counter', 'The number of seconds since FPM has started.'],
  'accepted conn': ['accepted_connections', 'counter', 'The number of requests accepted by the pool.'],
  'listen queue': ['listen_queue', 'gauge', 'The number of requests in the queue of pending connections.'],
  'max listen queue': [
    'max_listen_queue',
    'counter',
    'The maximum number of requests in the queue of pending connections since FPM has started.',
  ],
  'listen queue len': ['listen_queue_length', 'gauge', 'The size of the socket queue of pending connections.'],
  'idle processes': ['idle_processes', 'gauge', 'The number of idle processes.'],
  'active processes': ['active_processes', 'gauge', 'The number of active processes.'],
  'total processes': ['total_processes', 'gauge', 'The number of idle + active processes.'],
  'max active processes': [
    'max_active_processes',
    'counter',
    'The maximum number of active processes since FPM has started.',
  ],
  'max children reached': [
    'max_children_reached',
    'counter',
    "The number of times, the process limit has been reached, when pm tries to start more children (works only for pm 'dynamic' and 'ondemand').",
  ],
  'slow requests': [
    'slow_requests',
    'counter',
    "The number of requests that exceeded your 'request_slowlog_timeout' value.",
  ],
};

function openMetricsPage(pool: Fields, _processes: readonly Fields[] | null, { name, manager }: PoolSnapshot): string {
  const family = (id: string, type: string, help: string, value: string): string =>
    `# HELP phpfpm_${id} ${help}\n# TYPE phpfpm_${id} ${type}\nphpfpm_${id} ${value}\n`;
  const counts = pool.flatMap(([field, value]) => {
    const known = families[field];
    return known === undefined ? [] : [family(known[0], known[1], known[2], counted(value))];
  });
  const up = family('up', 'gauge', `Could pool ${name} using a ${manager} PM on PHP-FPM be reached?`, '1');
  return `${up}${counts.join('')}# EOF\n`;
}

const escapeMarkup = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
