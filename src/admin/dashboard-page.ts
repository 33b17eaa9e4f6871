// The page of the dashboard: what a browser without JavaScript shows, tables that it loads anew by itself, and what one with it starts from. Pure.

import type { LaneSnapshot, PoolSnapshot } from '../queue/pool-snapshot.ts';
import { shownUrl } from './dashboard-view.ts';
import { formatCount, formatDuration, formatSize } from './formatting.ts';
import type { ServiceStatus } from './source.ts';

/** What the page may load and do: what comes from here, and nothing that stands in the page itself. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Seconds after which a browser without JavaScript loads it anew. */
const refreshS = 5;

/** The page. @param withQuery whether URLs have their query strings */
export function dashboardPage(status: ServiceStatus, withQuery: boolean): string {
  const { version, notReady, pools } = status;
  const other = withQuery ? '<a href="/">Hide query strings</a>' : '<a href="/?query=1">Show query strings</a>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Postern</title>
<link rel="icon" href="/dashboard.svg">
<link rel="stylesheet" href="/dashboard.css">
<noscript><meta http-equiv="refresh" content="${refreshS}"></noscript>
<script src="/dashboard.js" type="module"></script>
</head>
<body>
<div id="dashboard">
<header class="top"><h1>Postern ${escaped(version)}</h1>
<p>${notReady.length === 0 ? 'ready' : `not ready: ${escaped(notReady.join('; '))}`}, pid ${status.pid}, up ${formatDuration(status.upMs)}</p></header>
<main>
<noscript><p>Without JavaScript this page is loaded anew every ${refreshS} seconds. ${other}</p></noscript>
${poolTable(pools)}
${pools.map((pool) => laneTable(pool, withQuery)).join('\n')}
</main>
</div>
</body>
</html>
`;
}

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
  return table('Pools', titles, rows);
}

function laneTable({ name, lanes }: PoolSnapshot, withQuery: boolean): string {
  const used = lanes.filter(({ state, requests }) => state !== 'idle' || requests > 0);
  const rest = lanes.length - used.length;
  const caption = `Lanes of pool ${name}${rest === 0 ? '' : ` (${rest} more are idle, and were not needed yet)`}`;
  const titles = ['lane', 'pid', 'state', 'requests', 'memory', 'waited', 'ran', 'request'];
  return used.length === 0
    ? `<p>${escaped(caption)}</p>`
    : table(
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

function table(caption: string, titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = titles.map((title) => `<th scope="col">${escaped(title)}</th>`).join('');
  const body = rows.map(([first = '', ...cells]) => {
    const rest = cells.map((cell) => `<td>${escaped(cell)}</td>`).join('');
    return `<tr><th scope="row">${escaped(first)}</th>${rest}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(caption)}"><table>
<caption>${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body.join('\n')}</tbody>
</table></div>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!);
