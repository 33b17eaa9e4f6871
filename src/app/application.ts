// What an application is made of: its modules, and a handler for each role it plays.

import type { Readable } from 'node:stream';
import type { Role } from '../protocol/cgi/exchange.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { Grant } from './grant.ts';
import type { Module } from './module.ts';

/** The file that a filter is given to work on. */
export interface FilterData {
  /** Its bytes. */
  readonly stream: Readable;
  /** Its length in bytes; null where the web server did not say. */
  readonly length: number | null;
  /** When it was last changed; null where the web server did not say. */
  readonly lastModified: Date | null;
}

/** What `defineApp` takes. At least one handler is needed; of `fetch` and `respond` only one. */
export interface AppDefinition {
  /** Initialised in this order, shut down in reverse. */
  readonly modules?: readonly Module[];
  /** Answers a request. Plays the responder. */
  readonly fetch?: (request: Request, context: Context) => Response | Promise<Response>;
  /** Answers a request, without the Web's objects: bytes in, bytes out. Plays the responder. */
  readonly respond?: (call: Call, context: Context) => void | Promise<void>;
  /** Decides whether a request may go on: `allow(variables)`, or the Response that the client gets instead. Plays the authorizer. */
  readonly authorize?: (request: Request, context: Context) => Grant | Response | Promise<Grant | Response>;
  /** Answers with what it made of a file. Plays the filter. */
  readonly filter?: (request: Request, data: FilterData, context: Context) => Response | Promise<Response>;
}

/** An application, checked. */
export interface Application extends AppDefinition {
  readonly modules: readonly Module[];
  readonly roles: readonly Role[];
}

/**
 * An application from its parts. Nothing is started yet; see `run`.
 * @throws TypeError for an application without a handler, with `fetch` and `respond`, or with two modules of one name
 */
export function defineApp(definition: AppDefinition): Application {
  const { fetch, respond, authorize, filter, modules = [] } = definition;
  if (fetch && respond) throw new TypeError('an application has either fetch or respond: leave one out');
  const roles: Role[] = [];
  if (fetch || respond) roles.push('responder');
  if (authorize) roles.push('authorizer');
  if (filter) roles.push('filter');
  if (roles.length === 0) throw new TypeError('an application needs a handler: fetch, respond, authorize or filter');
  const names = modules.map((module) => module.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`two modules are called "${twice}": give each its own name`);
  return { ...definition, modules, roles };
}
