// The page of the last slow requests of all pools: what each was, where its time went, and what its process did. It needs no JavaScript. Pure.

import type { ProcessLook, SlowRequest } from '../queue/slow-record.ts';
import { shownUrl } from './dashboard-view.ts';
import { formatCount, formatDuration, formatSize } from './formatting.ts';
import { escaped, type HtmlCell, htmlPage, htmlTable } from './page-html.ts';
import type { ServiceStatus } from './source.ts';

const mostShown = 100;

/** The page. @param withQuery whether URLs have their query strings */
export function slowPage({ pools, version }: ServiceStatus, withQuery: boolean): string {
  const shown = pools
    .flatMap(({ slow }) => slow)
    .sort((a, b) => b.at - a.at)
    .slice(0, mostShown);
  const count = pools.reduce((sum, { counters }) => sum + counters.slow, 0);
  const rest = count > shown.length ? `, of ${formatCount(count)}` : '';
  const links = withQuery
    ? '<a href="/slow?query=1">Load anew</a> <a href="/slow">Hide query strings</a>'
    : '<a href="/slow">Load anew</a> <a href="/slow?query=1">Show query strings</a>';
  const caption = `Slow requests, newest first${rest}`;
  const titles = ['found', 'request', 'pool', 'pid', 'waited', 'ran until found', 'in all', 'its process'];
  const rows = shown.map((one) => cellsOf(one, withQuery));
  const body = `<header class="top"><div class="row"><h1>Postern ${escaped(version)}</h1>
<p><a href="/">Dashboard</a> ${links}</p></div></header>
<main>
<p class="muted">Requests that ran longer than <code>slowAfter</code> of their pool, each as it was when it was found.</p>
${htmlTable(caption, titles, rows, 'None. Only pools with slowAfter look for them.')}
</main>`;
  return htmlPage('Slow requests - Postern', body);
}

function cellsOf(one: SlowRequest, withQuery: boolean): HtmlCell[] {
  const { at, pool, method, url, script, pid, attempts, waitedMs, ranMs, heldMs, hasAnswered, totalMs, error } = one;
  const [day, time] = new Date(at).toISOString().split(/[T.]/);
  const ran = [formatDuration(ranMs)];
  if (heldMs > 0) ran.push(`held back by its client for ${formatDuration(heldMs)}`);
  if (hasAnswered) ran.push('its answer had begun');
  const request = [`${method} ${shownUrl(url, withQuery)}`];
  if (script !== '') request.push(script);
  if (attempts > 1) request.push(`run ${attempts} times`);
  const ended = totalMs === null ? ['runs still'] : [formatDuration(totalMs)];
  if (error !== null) ended.push(error);
  return [
    [`${time}`, `${day} UTC`],
    request,
    pool,
    pid === 0 ? '-' : String(pid),
    formatDuration(waitedMs),
    ran,
    ended,
    processWords(one),
  ];
}

function processWords({ process, lastWords }: SlowRequest): readonly string[] {
  return [...(process === null ? ['-'] : lookLines(process)), ...lastWords.map((line) => `STDERR: ${line}`)];
}

/** "S, waits in do_poll", "2 sockets, 1 file open", "40 ms of CPU, 28 MB" */
function lookLines({ state, waitChannel, files, cpuMs, memoryBytes }: ProcessLook): string[] {
  const open = Object.entries(files)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`);
  return [
    waitChannel === '' ? state : `${state}, waits in ${waitChannel}`,
    ...(open.length === 0 ? [] : [`${open.join(', ')} open`]),
    `${formatDuration(cpuMs)} of CPU, ${formatSize(memoryBytes)}`,
  ];
}
