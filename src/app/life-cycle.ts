// The life cycle of an application: its modules with what they do in each phase, and the context of one request.
//
//   moduleInit ── threadInit ──┬─ requestInit ─ handler ─ requestShutdown ─┬── threadShutdown ── moduleShutdown
//                              └──────────────── again ◄──────────────────┘
//
// Modules are initialised in the order in which the application names them, and shut down in reverse.

import type { Environment, Role } from '../protocol/cgi/exchange.ts';

/** How the application was started. Found, not configured; see `start-mode.ts`. */
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

/** What a starting application tells its modules. */
export interface StartInfo {
  readonly mode: Mode;
  /** Threads that will serve requests; 1 outside of threads mode. */
  readonly threads: number;
}

/** What a starting thread tells its modules. */
export interface ThreadInfo extends StartInfo {
  /** From 0. */
  readonly thread: number;
}

/**
 * A module. Every phase is optional, and may be asynchronous.
 * `Shared` is what the process shares, `Own` what one thread has, `State` what one request has.
 */
export interface Module<Shared = unknown, Own = Shared, State = unknown> {
  /** For messages: "module sessions failed in moduleInit". */
  readonly name: string;
  /**
   * Once per process, before anything else. In threads mode it runs on the main thread, and each thread gets a structured clone
   * of the result (a SharedArrayBuffer stays shared): what cannot be cloned, such as a connection, is for `threadInit`.
   */
  moduleInit?(info: StartInfo): Shared | Promise<Shared>;
  /** Once per thread; in every mode but threads that is once. */
  threadInit?(shared: Shared, info: ThreadInfo): Own | Promise<Own>;
  /** Before each request. */
  requestInit?(context: Context, own: Own): State | Promise<State>;
  /** After each request whose `requestInit` was over, also when the handler threw, the client left or time ran out. */
  requestShutdown?(context: Context, state: State): void | Promise<void>;
  /** When the thread ends. */
  threadShutdown?(own: Own): void | Promise<void>;
  /** When the process ends. */
  moduleShutdown?(shared: Shared): void | Promise<void>;
}

/** A module, with its types inferred. */
export function defineModule<Shared, Own = Shared, State = undefined>(
  module: Module<Shared, Own, State>,
): Module<Shared, Own, State> {
  return module;
}
