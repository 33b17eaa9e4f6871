// What an application is: a handler for each role it plays, what handlers take and give, which of them a request is for, and its modules.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { CgiRequest, Environment, RequestBody, Role } from '../protocol/cgi/exchange.ts';
import { lazyRequest, type RequestHost } from './lazy-request.ts';
import type { Context, Module } from './life-cycle.ts';

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

/** The low-level form of a request: bytes in, bytes out, without the Web's objects. `respond` gets it. */
export interface Call {
  readonly role: Role;
  readonly method: string;
  /** The request target as it came. */
  readonly url: string;
  /** CGI variables; byte strings. */
  readonly environment: Readonly<Environment>;
  /** STDIN; null where there is none. */
  readonly body: RequestBody | null;
  /**
   * Begins the answer.
   * @param headers name, value, name, value; byte strings
   * @throws ANSWER_INVALID for a name or value that is not valid
   */
  head(status: number, headers?: readonly string[]): void;
  /**
   * Sends bytes of the body.
   * @returns false when nothing more should be written before `drained()` resolves
   */
  write(chunk: Uint8Array | string): boolean;
  /** Resolves when writing may go on, or the client is gone. */
  drained(): Promise<void>;
  /** Passes on at once what was gathered. */
  flush(): void;
  /** Bytes for the request's STDERR. */
  stderr(chunk: Uint8Array | string): void;
  /** The answer is complete. A promise that `respond` returned does the same when it resolves. */
  end(): void;
}

/** The file that a filter is given to work on. */
export interface FilterData {
  /** Its bytes. */
  readonly stream: Readable;
  /** Its length in bytes; null where the web server did not say. */
  readonly length: number | null;
  /** When it was last changed; null where the web server did not say. */
  readonly lastModified: Date | null;
}

/** An authorizer's yes, with the variables it adds to the environment of what follows (FastCGI 1.0, section 6.3). */
export class Grant {
  /** Name, value, name, value, as headers: "Variable-REMOTE_USER". */
  readonly headers: readonly string[];

  constructor(variables: Readonly<Record<string, string>>) {
    const headers: string[] = [];
    for (const [name, value] of Object.entries(variables)) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new TypeError(`"${name}" is no name for a CGI variable`);
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value))
        throw new TypeError(`the value of variable ${name} is no byte string of one line`);
      headers.push(`Variable-${name}`, value);
    }
    this.headers = headers;
  }
}

/**
 * Lets a request through.
 * @param variables set in its environment by the web server, as it does REMOTE_USER; values are byte strings
 * @throws TypeError for a name that is none, and a value that does not fit into a header
 */
export function allow(variables: Readonly<Record<string, string>> = {}): Grant {
  return new Grant(variables);
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
