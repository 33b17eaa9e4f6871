// The admin pages as a handler for node:http: /status, /livez, /readyz and /metrics; on the admin listener also the dashboard, on the control
// socket also /explain, /reload and /stop.
//
// It takes only requests that name it by an address or a known name, and come from its own pages. A page elsewhere can make a
// browser send requests to 127.0.0.1. Its Origin gives it away; where it had its own name resolve to 127.0.0.1 (DNS rebinding),
// the Host does.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Dashboard } from './dashboard.ts';
import type { ActionAccess } from './operator-actions.ts';
import { answer, answerJson } from './page-answer.ts';
import type { AdminControls, AdminSource, ServiceStatus } from './source.ts';
import { formatStatus } from './status-text.ts';

/** How the pages are served. */
export interface AdminOptions {
  /** Names that a Host may have besides localhost and IP addresses; asked for each request. @default none */
  readonly hosts?: () => readonly string[];
  /** What POST may ask for; null: nothing changes state here. Only for a socket that its file's mode protects. @default null */
  readonly controls?: AdminControls | null;
  /** Who may do what on the dashboard; null: there is no dashboard. @default null */
  readonly dashboard?: ActionAccess | null;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Page = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;
type Action = (response: ServerResponse, query: URLSearchParams, controls: AdminControls) => void;

/** Makes the handler. */
export function adminHandler(source: AdminSource, options: AdminOptions = {}): Handler {
  const { hosts = () => [], controls = null, dashboard = null } = options;
  const get: Record<string, Page> = {
    '/': (_request, response) => answer(response, 302, 'text/plain', 'see /status\n', { location: '/status' }),
    '/status': (request, response, query) =>
      gathered(response, source, query.get('pools') === 'none' ? 'none' : 'all', (status) =>
        answerStatus(response, status, formatOf(request, query)),
      ),
    '/livez': (_request, response) => answer(response, 200, 'text/plain', 'ok\n'),
    '/readyz': (_request, response) =>
      gathered(response, source, 'all', ({ notReady }) =>
        answer(response, notReady.length === 0 ? 200 : 503, 'text/plain', `${notReady.join('\n') || 'ok'}\n`),
      ),
    '/metrics': (_request, response, query) => {
      metrics(source, query.get('names')).then(
        ({ type, text }) => answer(response, 200, type, text),
        () => answer(response, 500, 'text/plain', 'the metrics could not be made\n'),
      );
    },
  };

  const post: Readonly<Record<string, Action>> = {
    '/reload': (response, query, { reload }) => {
      reload(query.getAll('pool')).then(
        (outcome) => answerJson(response, outcome.ok ? 200 : 422, outcome),
        (error: unknown) => answerJson(response, 500, { at: Date.now(), ok: false, message: String(error) }),
      );
    },
    '/stop': (response, _query, { stop }) => {
      answerJson(response, 202, { stopping: true });
      stop();
    },
  };

  if (controls !== null) {
    get['/explain'] = (_request, response, query) => {
      controls.explain(query.get('url') ?? '/').then(
        (explanation) => answerJson(response, 200, explanation),
        (error: Error) => answerJson(response, 422, { error: error.message }),
      );
    };
  }

  let made: Promise<Dashboard> | null = null;
  const take: Handler = (request, response) => {
    request.resume();
    const refused = refusal(request.headers.host, request.headers.origin, hosts());
    if (refused !== null) return answer(response, 403, 'text/plain', `refused: ${refused}\n`);
    // Not through URL: it throws for "//", and nothing here would catch that.
    const [path = '/', search] = (request.url ?? '/').split('?', 2);
    const query = new URLSearchParams(search);
    if (dashboard !== null && isOfDashboard(path, request)) {
      made ??= makeDashboard(source, dashboard);
      made
        .then((one) => one.take(request, response, path, query))
        .catch((error: Error) => {
          made = null;
          dashboard.log.error({ stack: error.stack }, `the dashboard could not answer: ${error.message}`);
          if (response.headersSent) response.destroy();
          else answer(response, 500, 'text/plain', 'the page could not be made: see the log of the service\n');
        });
      return;
    }
    const page = Object.hasOwn(get, path) ? get[path] : undefined;
    const action = controls !== null && Object.hasOwn(post, path) ? post[path] : undefined;
    if (page === undefined && action === undefined) {
      return answer(response, 404, 'text/plain', 'there are /status, /livez, /readyz and /metrics\n');
    }
    if (action !== undefined && request.method === 'POST') return action(response, query, controls!);
    if (page !== undefined && (request.method === 'GET' || request.method === 'HEAD'))
      return page(request, response, query);
    answer(response, 405, 'text/plain', 'this method is not for this page\n', { allow: action ? 'POST' : 'GET, HEAD' });
  };
  return (request, response) => {
    try {
      take(request, response);
    } catch (error) {
      answer(response, 500, 'text/plain', 'the page could not be made: see the log of the service\n');
      throw error;
    }
  };
}

/** Whether a path is the dashboard's. `/` is for whoever wants HTML: a command line is sent to the status. */
function isOfDashboard(path: string, { headers }: IncomingMessage): boolean {
  if (path === '/') return /\btext\/html\b/.test(headers.accept ?? '');
  return path === '/events' || path === '/slow' || path.startsWith('/actions/') || path.startsWith('/dashboard.');
}

/** Loaded when first asked for: most starts are looked at by nobody. */
async function makeDashboard(source: AdminSource, access: ActionAccess): Promise<Dashboard> {
  const { Dashboard } = await import('./dashboard.ts');
  return new Dashboard(source, access);
}

/** Loaded when first asked for: the library for it would make every start slower. @param names "phpfpm": under those of PHP-FPM's exporter */
async function metrics(source: AdminSource, names: string | null): Promise<{ type: string; text: string }> {
  const { formatMetrics, metricsType } = await import('./metrics.ts');
  const status = await source.gatherStatus('all');
  if (names !== 'phpfpm') return { type: metricsType, text: await formatMetrics(status, source.measures()) };
  const { formatFpmMetrics } = await import('./fpm-metrics.ts');
  return { type: metricsType, text: await formatFpmMetrics(status, Date.now()) };
}

/** JSON for programs; text where the request prefers it (a browser, a terminal), or ?format says so. */
function formatOf(request: IncomingMessage, query: URLSearchParams): 'json' | 'text' {
  const wanted = query.get('format');
  if (wanted === 'json' || wanted === 'text') return wanted;
  const accept = request.headers.accept ?? '';
  return /\btext\/(?:plain|html|\*)/.test(accept) && !/^application\/json/.test(accept) ? 'text' : 'json';
}

/** Answers from the status, once it is put together. */
function gathered(
  response: ServerResponse,
  source: AdminSource,
  pools: 'all' | 'none',
  tell: (status: ServiceStatus) => void,
): void {
  source
    .gatherStatus(pools)
    .then(tell)
    .catch(() => answer(response, 500, 'text/plain', 'the status could not be put together\n'));
}

function answerStatus(response: ServerResponse, status: ServiceStatus, format: 'json' | 'text'): void {
  if (format === 'json') answerJson(response, 200, status);
  else answer(response, 200, 'text/plain', formatStatus(status));
}

/** Why a request is not taken, in words; null: it is. */
export function refusal(host: string | undefined, origin: string | undefined, hosts: readonly string[]): string | null {
  const name = hostName(host);
  if (name === null) return 'there is no valid Host';
  if (!isKnown(name, hosts)) return `the Host "${name}" is not known here: add it to hosts in [admin]`;
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return null;
  return 'it comes from the page of another site';
}

function isKnown(name: string, hosts: readonly string[]): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    isIP(name) !== 0 ||
    hosts.some((one) => one.toLowerCase() === name)
  );
}

/** The name in a Host field, lower case, without port and brackets. */
function hostName(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}
