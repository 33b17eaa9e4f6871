// What an application is told about one request besides the request itself, and where the state of that request lives.

import type { Environment, Role } from '../protocol/cgi/exchange.ts';
import type { Module } from './module.ts';

/** How the application was started. Found, not configured; see `mode.ts`. */
export type Mode = 'cli' | 'cgi' | 'fastcgi' | 'threads' | 'module';

/** How a request ended, as its `requestShutdown` sees it. */
export type Outcome =
  /** It was answered by the application, with whatever status. */
  | 'answered'
  /** The handler, or a `requestInit`, threw. */
  | 'failed'
  /** The client, or the web server, went away. */
  | 'aborted'
  /** The handler gave no answer in time. */
  | 'timeout';

/** One request's surroundings. Everything that belongs to a request lives here, never in `process.env`. */
export interface Context {
  readonly mode: Mode;
  readonly role: Role;
  /** Which thread of the process this is, from 0; always 0 outside of threads mode. */
  readonly thread: number;
  /** The CGI variables as the web server sent them. Byte strings: one character is one byte. */
  readonly environment: Readonly<Environment>;
  /** Aborted when the client or the web server goes away, or the time for an answer is over. */
  readonly signal: AbortSignal;
  /** How the request ended; null until `requestShutdown`. */
  readonly outcome: Outcome | null;
  /** Writes a line to this request's own STDERR, which web servers put into their error log. */
  log(text: string): void;
  /** What the module's `requestInit` returned for this request. @throws TypeError for a module that is not the application's */
  get<Shared, Own, State>(module: Module<Shared, Own, State>): State;
  /** What the module's `threadInit` returned for this thread, or, where it has none, its `moduleInit`. */
  own<Shared, Own, State>(module: Module<Shared, Own, State>): Own;
}
