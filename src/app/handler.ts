// The handler that an application has for the role of a request, and what it is called with.

import { PosternError } from '../errors.ts';
import type { CgiRequest, Role } from '../protocol/cgi/exchange.ts';
import type { Application } from './application.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { filterDataOf } from './filter-data.ts';
import { lazyRequest, type RequestHost } from './lazy-request.ts';

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
