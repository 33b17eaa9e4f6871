// The dashboard behind the admin pages: its page, its files, its events and its actions.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { DashboardFeed } from './dashboard-feed.ts';
import { DashboardFiles } from './dashboard-files.ts';
import { dashboardPage } from './dashboard-page.ts';
import { type ActionAccess, OperatorActions } from './operator-actions.ts';
import { answer, answerJson, pageHeaders } from './page-answer.ts';
import { pagePolicy } from './page-html.ts';
import { slowPage } from './slow-page.ts';
import type { AdminSource } from './source.ts';

export class Dashboard {
  readonly #source: AdminSource;
  readonly #feed: DashboardFeed;
  readonly #actions: OperatorActions;
  readonly #files = new DashboardFiles();

  constructor(source: AdminSource, access: ActionAccess) {
    this.#source = source;
    this.#actions = new OperatorActions(access);
    this.#feed = new DashboardFeed({ source, hasActions: () => this.#actions.areOn });
  }

  /** Answers what is the dashboard's. Host and Origin were looked at before. @param path one that `isOfDashboard` */
  take(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): void {
    const isAction = path.startsWith(actionsPath);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isAction ? request.method !== 'POST' : !isRead) {
      const allow = isAction ? 'POST' : 'GET, HEAD';
      answer(response, 405, 'text/plain', 'this method is not for this page\n', { allow });
    } else if (isAction) this.#act(request, response, path.slice(actionsPath.length), query);
    else if (path === '/events') this.#openFeed(request, response, query.has('query'));
    else if (path === '/' || path === '/slow') {
      const headers = { 'content-security-policy': pagePolicy, vary: 'Accept' };
      const page = path === '/' ? dashboardPage : slowPage;
      answer(response, 200, 'text/html', page(this.#source.status(), query.has('query')), headers);
    } else if (!this.#files.answer(request, response, path)) {
      answer(response, 404, 'text/plain', 'there is no such file of the dashboard\n');
    }
  }

  /** Server-sent events, until the viewer leaves. */
  #openFeed(request: IncomingMessage, response: ServerResponse, withQuery: boolean): void {
    if (!this.#feed.hasRoom) {
      answer(response, 503, 'text/plain', 'too many look already\n', { 'retry-after': '10' });
      return;
    }
    response.writeHead(200, { ...pageHeaders, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (request.method === 'HEAD') response.end();
    else this.#feed.add(response, withQuery);
  }

  #act(request: IncomingMessage, response: ServerResponse, name: string, query: URLSearchParams): void {
    const { authorization } = request.headers;
    const from = request.socket.remoteAddress ?? 'a socket';
    void this.#actions.take({ name, query, authorization, from }).then(({ status, outcome }) => {
      answerJson(response, status, outcome);
    });
  }
}

const actionsPath = '/actions/';
