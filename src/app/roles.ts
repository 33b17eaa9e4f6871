// The handler that an application has for the role of a request, and what it is called with.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { CgiRequest, Role } from '../protocol/cgi/exchange.ts';
import type { Application, Call, FilterData } from './application.ts';
import { lazyRequest, type RequestHost } from './lazy-request.ts';
import type { Context } from './life-cycle.ts';

/**
 * Calls the handler for a request that is known to have one.
 * @param cycle the request as its application sees it
 * @returns what the handler does: a Response, a Grant, nothing, or a promise of one of these
 */
export function callHandler(app: Application, request: CgiRequest, cycle: Context & Call & RequestHost): unknown {
  const { fetch, respond, authorize, filter } = app;
  const { role } = request;
  if (role === 'authorizer' && authorize) return authorize(lazyRequest(request, cycle), cycle);
  if (role === 'filter' && filter) return filter(lazyRequest(request, cycle), filterDataOf(request), cycle);
  if (role === 'responder' && fetch) return fetch(lazyRequest(request, cycle), cycle);
  if (role === 'responder' && respond) return respond(cycle, cycle);
  throw unknownRole(role);
}

/** Why a request is refused that the application has no handler for. */
export function unknownRole(role: Role): PosternError {
  return new PosternError('UNKNOWN_ROLE', `the application is no ${role}: give defineApp a handler for that role`);
}

/** The file of a filter's request (FastCGI 1.0, section 6.4). */
function filterDataOf(request: CgiRequest): FilterData {
  const seconds = request.environment.FCGI_DATA_LAST_MOD;
  return {
    stream: request.data?.stream() ?? Readable.from([]),
    length: request.data?.length ?? null,
    lastModified: seconds !== undefined && /^\d{1,12}$/.test(seconds) ? new Date(Number(seconds) * 1_000) : null,
  };
}
