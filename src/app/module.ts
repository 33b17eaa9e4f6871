// A module of an application: what it does in the phases of the life cycle.
//
//   moduleInit ── threadInit ──┬─ requestInit ─ handler ─ requestShutdown ─┬── threadShutdown ── moduleShutdown
//                              └──────────────── again ◄──────────────────┘
//
// Modules are initialised in the order in which the application names them, and shut down in reverse.

import type { Context, Mode } from './context.ts';

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
