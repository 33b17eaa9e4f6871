// What modules do in the phases of a process, of a thread and of a request: up in their order, and down in reverse.

import { PosternError } from '../errors.ts';
import type { Application } from './application.ts';
import type { Context, Module, StartInfo, ThreadInfo } from './life-cycle.ts';

/** What went wrong in a phase on the way down, where everybody else still has their turn. */
export type ReportProblem = (message: string, thrown: unknown) => void;

/**
 * Runs each module's moduleInit. Where one fails, those before it are shut down again.
 * @returns what each returned
 * @throws PROGRAM_NOT_STARTED with the module's name
 */
export async function startProcess(
  modules: readonly Module[],
  info: StartInfo,
  report: ReportProblem,
): Promise<unknown[]> {
  const shared: unknown[] = [];
  for (const module of modules) {
    try {
      shared.push(await module.moduleInit?.(info));
    } catch (thrown) {
      await stopProcess(modules, shared, report);
      throw notStarted(module, 'moduleInit', thrown);
    }
  }
  return shared;
}

/** Runs each module's moduleShutdown, in reverse. Never throws. */
export async function stopProcess(
  modules: readonly Module[],
  shared: readonly unknown[],
  report: ReportProblem,
): Promise<void> {
  for (let index = shared.length - 1; index >= 0; index -= 1) {
    try {
      await modules[index]!.moduleShutdown?.(shared[index]);
    } catch (thrown) {
      report(`module ${modules[index]!.name} failed in moduleShutdown`, thrown);
    }
  }
}

/**
 * Runs each module's threadInit. Where one fails, those before it are shut down again.
 * @returns what each returned, or what its moduleInit had
 * @throws PROGRAM_NOT_STARTED with the module's name
 */
export async function startThread(
  modules: readonly Module[],
  shared: readonly unknown[],
  info: ThreadInfo,
  report: ReportProblem,
): Promise<unknown[]> {
  const own: unknown[] = [];
  for (const [index, module] of modules.entries()) {
    try {
      own.push(module.threadInit ? await module.threadInit(shared[index], info) : shared[index]);
    } catch (thrown) {
      await stopThread(modules, own, report);
      throw notStarted(module, 'threadInit', thrown);
    }
  }
  return own;
}

/** Runs each module's threadShutdown, in reverse. Never throws. */
export async function stopThread(
  modules: readonly Module[],
  own: readonly unknown[],
  report: ReportProblem,
): Promise<void> {
  for (let index = own.length - 1; index >= 0; index -= 1) {
    try {
      await modules[index]!.threadShutdown?.(own[index]);
    } catch (thrown) {
      report(`module ${modules[index]!.name} failed in threadShutdown`, thrown);
    }
  }
}

/** What the modules of a request belong to. */
export interface RequestModulesHost {
  readonly app: Application;
  /** What each module's threadInit returned, in the modules' order. */
  readonly own: readonly unknown[];
  readonly now: () => number;
}

/** The request that they belong to, as they see it. */
export interface RequestModulesOwner extends Context {
  /** All are initialised. */
  initialised(): void;
  /** A requestInit threw; the modules after it are not initialised. */
  failed(thrown: unknown): void;
  /** A requestShutdown threw, or takes too long; the others go on. */
  report(thrown: unknown): void;
  /** What was answered is not to wait for a requestShutdown that waits. */
  flush(): void;
  /** All that were initialised are shut down. */
  close(): void;
}

/** The modules of one request. What can be done without waiting is done without a promise; whoever waits is called back. */
export class RequestModules {
  readonly #host: RequestModulesHost;
  readonly #owner: RequestModulesOwner;
  /** What their requestInit returned; as many as are over. */
  readonly #states: unknown[] = [];
  #isShuttingDown = false;
  /** The module whose shutdown is waited for, and since when. */
  #waitsAt = -1;
  #waitsSinceMs = 0;

  constructor(host: RequestModulesHost, owner: RequestModulesOwner) {
    this.#host = host;
    this.#owner = owner;
  }

  /** What the requestInit of the module at an index returned. */
  state(index: number): unknown {
    return this.#states[index];
  }

  /** Initialises them, and tells the owner. */
  init(): void {
    this.#init(0);
  }

  /** Shuts down those that are initialised, and tells the owner. An initialisation that is waited for is given up. */
  shutdown(): void {
    this.#isShuttingDown = true;
    this.#shutdown(this.#states.length - 1);
  }

  /** Goes on without a shutdown that takes too long. To be called while shutdown() is not over, now and then. */
  checkShutdown(nowMs: number, graceMs: number): void {
    if (nowMs - this.#waitsSinceMs <= graceMs) return;
    const at = this.#waitsAt;
    const { name } = this.#host.app.modules[at]!;
    this.#owner.report(new Error(`requestShutdown of module ${name} takes over ${graceMs} ms`));
    this.#shutdown(at - 1);
  }

  #init(from: number): void {
    const { app, own } = this.#host;
    for (let at = from; at < app.modules.length; at += 1) {
      let state: unknown;
      try {
        state = app.modules[at]!.requestInit?.(this.#owner, own[at]);
      } catch (thrown) {
        this.#owner.failed(thrown);
        return;
      }
      if (isThenable(state)) {
        state.then(
          (value) => {
            if (this.#isShuttingDown) return;
            this.#states.push(value);
            this.#init(at + 1);
          },
          (thrown: unknown) => this.#owner.failed(thrown),
        );
        return;
      }
      this.#states.push(state);
    }
    this.#owner.initialised();
  }

  /** From the module at `from` to the first. */
  #shutdown(from: number): void {
    this.#waitsAt = -1;
    for (let at = from; at >= 0; at -= 1) {
      try {
        const pending = this.#host.app.modules[at]!.requestShutdown?.(this.#owner, this.#states[at]);
        if (isThenable(pending)) {
          this.#wait(at, pending);
          return;
        }
      } catch (thrown) {
        this.#owner.report(thrown);
      }
    }
    this.#owner.close();
  }

  #wait(at: number, pending: PromiseLike<unknown>): void {
    this.#waitsAt = at;
    this.#waitsSinceMs = this.#host.now();
    this.#owner.flush();
    const next = (thrown?: unknown): void => {
      if (thrown !== undefined) this.#owner.report(thrown);
      if (this.#waitsAt === at) this.#shutdown(at - 1);
    };
    pending.then(() => next(), next);
  }
}

/** What a handler or a module gave back without waiting must not become a promise: a small answer leaves in the tick its request came in. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function notStarted(module: Module, phase: string, thrown: unknown): PosternError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PosternError('PROGRAM_NOT_STARTED', `module ${module.name} failed in ${phase}: ${message}`, {
    cause: thrown,
  });
}
