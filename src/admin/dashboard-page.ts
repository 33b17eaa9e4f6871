// The page of the dashboard: what a browser without JavaScript shows, tables that it loads anew by itself, and what one with it starts from. Pure.

import type { LaneSnapshot, PoolSnapshot } from '../queue/pool-snapshot.ts';
import { shownUrl } from './dashboard-view.ts';
import { formatCount, formatDuration, formatSize } from './formatting.ts';
import { escaped, htmlPage, htmlTable } from './page-html.ts';
import type { ServiceStatus } from './source.ts';

/** Seconds after which a browser without JavaScript loads it anew. */
const refreshS = 5;

/** The page. @param withQuery whether URLs have their query strings */
export function dashboardPage(status: ServiceStatus, withQuery: boolean): string {
  const { version, notReady, pools } = status;
  const other = withQuery ? '<a href="/">Hide query strings</a>' : '<a href="/?query=1">Show query strings</a>';
  const slow = pools.reduce((sum, { counters }) => sum + counters.slow, 0);
  const body = `<div id="dashboard">
<header class="top"><h1>Postern ${escaped(version)}</h1>
<p>${notReady.length === 0 ? 'ready' : `not ready: ${escaped(notReady.join('; '))}`}, pid ${status.pid}, up ${formatDuration(status.upMs)}</p></header>
<main>
<noscript><p>Without JavaScript this page is loaded anew every ${refreshS} seconds. ${other} <a href="/slow">Slow requests: ${formatCount(slow)}</a></p></noscript>
${poolTable(pools)}
${pools.map((pool) => laneTable(pool, withQuery)).join('\n')}
${endTable(pools, withQuery)}
</main>
</div>`;
  return htmlPage('Postern', body, head);
}

/** What shows the page live, and what loads it anew where that cannot run. */
const head = `<noscript><meta http-equiv="refresh" content="${refreshS}"></noscript>
<script src="/dashboard.js" type="module"></script>
`;

function poolTable(pools: readonly PoolSnapshot[]): string {
  const rows = pools.map(({ name, program, counters, workers, queue, notReady, governor }) => [
    name,
    program,
    `${counters.running} of ${workers}`,
    `${counters.waiting} of ${queue}`,
    formatCount(counters.accepted),
    formatCount(counters.refused),
    formatCount(counters.failed),
    notReady ?? governor,
  ]);
  const titles = ['pool', 'program', 'busy', 'waiting', 'accepted', 'refused', 'failed', 'state'];
  return htmlTable('Pools', titles, rows);
}

function laneTable({ name, lanes }: PoolSnapshot, withQuery: boolean): string {
  const used = lanes.filter(({ state, requests }) => state !== 'idle' || requests > 0);
  const rest = lanes.length - used.length;
  const caption = `Lanes of pool ${name}${rest === 0 ? '' : ` (${rest} more are idle, and were not needed yet)`}`;
  const titles = ['lane', 'pid', 'state', 'requests', 'memory', 'waited', 'ran', 'request'];
  return used.length === 0
    ? `<p>${escaped(caption)}</p>`
    : htmlTable(
        caption,
        titles,
        used.map((lane) => laneCells(lane, withQuery)),
      );
}

function laneCells(lane: LaneSnapshot, withQuery: boolean): string[] {
  const { pid, state, reason, requests, memoryBytes, waitedMs, runMs, method, url } = lane;
  return [
    String(lane.lane),
    pid === 0 ? '-' : String(pid),
    reason !== null && (state === 'draining' || state === 'stopping') ? `${state}: ${reason}` : state,
    formatCount(requests),
    memoryBytes === 0 ? '-' : formatSize(memoryBytes),
    method === '' ? '-' : formatDuration(waitedMs),
    method === '' ? '-' : formatDuration(runMs),
    `${method} ${shownUrl(url, withQuery)}`.trim(),
  ];
}

const mostEnds = 15;

function endTable(pools: readonly PoolSnapshot[], withQuery: boolean): string {
  const ends = pools
    .flatMap(({ name, lastEnds }) => lastEnds.map((end) => ({ name, ...end })))
    .sort((a, b) => b.at - a.at)
    .slice(0, mostEnds);
  const rows = ends.map(({ at, name, pid, reason, ending, method, url, runMs, isCause }) => [
    `${new Date(at).toISOString().slice(11, 19)} UTC`,
    ending === '' || ending === reason ? reason : `${reason} (${ending})`,
    method === '' ? 'none' : `${isCause ? '' : 'none; the last was '}${method} ${shownUrl(url, withQuery)}`,
    isCause ? formatDuration(runMs) : '-',
    name,
    pid === 0 ? '-' : String(pid),
  ]);
  const titles = ['at', 'why', 'request', 'after', 'pool', 'pid'];
  return htmlTable('Last ends of processes', titles, rows, 'None but those of reloads and shutdowns.');
}
