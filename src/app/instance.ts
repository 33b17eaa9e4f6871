// An application that was started: its modules are up, and it runs requests, whoever brings them.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import { type Given, withDefaults } from '../defaults.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { type AppLimits, defaultAppLimits } from './app-options.ts';
import { type Application, unknownRole } from './application.ts';
import { Cycle, type CycleHost } from './cycle.ts';
import type { Mode } from './life-cycle.ts';
import { startProcess, startThread, stopProcess, stopThread } from './phases.ts';

/** How an application is started. */
export interface InstanceOptions {
  readonly mode: Mode;
  readonly name?: string | undefined;
  readonly limits?: Given<AppLimits> | undefined;
  readonly log?: Log | undefined;
  readonly clock?: Clock | undefined;
  /** In a thread: which one of how many, and what the modules' moduleInit returned on the main thread. */
  readonly thread?: { readonly index: number; readonly count: number; readonly shared: readonly unknown[] } | undefined;
}

/** Whether an instance takes requests, finishes those that run, or has its modules shut down. */
type InstanceState = 'open' | 'closing' | 'closed';

const moves: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  open: ['closing'],
  closing: ['closed'],
  closed: [],
};

const finished: Exchange = { resume: () => {}, abort: () => {} };

/** A started application. */
export class Instance implements Backend {
  readonly name: string;
  readonly app: Application;
  readonly #host: CycleHost;
  readonly #limits: AppLimits;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #shared: readonly unknown[];
  readonly #isProcess: boolean;
  /** Those that are not over, and who else hears of their end. */
  readonly #cycles = new Map<Cycle, (() => void) | null>();
  readonly #timer: Timer;
  #state: InstanceState = 'open';
  #whenIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  private constructor(app: Application, options: InstanceOptions, shared: readonly unknown[], own: readonly unknown[]) {
    this.app = app;
    this.name = options.name ?? 'app';
    this.#limits = withDefaults(defaultAppLimits, options.limits);
    this.#log = options.log ?? silentLog;
    this.#clock = options.clock ?? systemClock;
    this.#shared = shared;
    this.#isProcess = options.thread === undefined;
    this.#host = {
      app,
      own,
      mode: options.mode,
      thread: options.thread?.index ?? 0,
      hasRequestPhases: app.modules.some((module) => module.requestInit || module.requestShutdown),
      maxBodyBytes: this.#limits.maxBodyBytes,
      now: () => this.#clock.now(),
      onOver: (cycle) => this.#over(cycle),
    };
    const { requestTimeoutMs, graceMs } = this.#limits;
    const shortest = Math.min(requestTimeoutMs || graceMs, graceMs);
    this.#timer = this.#clock.every(Math.max(10, Math.min(1_000, shortest / 4)), () => this.#check());
  }

  /**
   * Starts the modules.
   * @throws PROGRAM_NOT_STARTED with the name of the module that failed
   */
  static async start(app: Application, options: InstanceOptions): Promise<Instance> {
    const { mode, thread, log = silentLog } = options;
    const report = (message: string, thrown: unknown): void => log.error({ error: thrown }, message);
    const threads = thread?.count ?? 1;
    const shared = thread?.shared ?? (await startProcess(app.modules, { mode, threads }, report));
    let own: unknown[];
    try {
      own = await startThread(app.modules, shared, { mode, threads, thread: thread?.index ?? 0 }, report);
    } catch (thrown) {
      if (thread === undefined) await stopProcess(app.modules, shared, report);
      throw thrown;
    }
    return new Instance(app, options, shared, own);
  }

  /** Requests that are not over. */
  get running(): number {
    return this.#cycles.size;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    const refusal = this.#refusal(request);
    if (refusal !== null) {
      sink.fail(refusal);
      return finished;
    }
    const cycle = this.add(request, sink, null);
    cycle.start();
    return cycle;
  }

  /** Takes a request in, to be started by the caller, who counts it and knows that there is a handler for its role. */
  add(request: CgiRequest, sink: CgiSink, onOver: (() => void) | null): Cycle {
    const cycle = new Cycle(this.#host, request, sink);
    this.#cycles.set(cycle, onOver);
    return cycle;
  }

  /** Takes no more notice of a request: whoever takes its answer threw. */
  giveUp(cycle: Cycle, thrown: unknown): void {
    this.#log.error({ error: thrown }, 'a request failed in whoever takes its answer, and is given up');
    this.#over(cycle);
  }

  /** Lets running requests finish, up to `stopTimeoutMs`, and shuts the modules down. Repeatable. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Aborts running requests, and shuts the modules down when they are over. Repeatable. */
  destroy(): Promise<void> {
    for (const cycle of [...this.#cycles.keys()]) cycle.abort();
    return this.close();
  }

  async #close(): Promise<void> {
    this.#move('closing');
    const deadline = this.#clock.after(this.#limits.stopTimeoutMs, () => {
      this.#log.warn({ running: this.#cycles.size }, 'requests still run at the end of stopTimeout: they are aborted');
      for (const cycle of [...this.#cycles.keys()]) cycle.abort();
    });
    await this.#idle();
    deadline.cancel();
    this.#timer.cancel();
    const report = (message: string, thrown: unknown): void => this.#log.error({ error: thrown }, message);
    await stopThread(this.app.modules, this.#host.own, report);
    if (this.#isProcess) await stopProcess(this.app.modules, this.#shared, report);
    this.#move('closed');
  }

  #idle(): Promise<void> {
    if (this.#cycles.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  #refusal({ role }: CgiRequest): PosternError | null {
    if (!this.app.roles.includes(role)) return unknownRole(role);
    if (this.#state !== 'open') {
      return new PosternError('POOL_CLOSING', 'the application is being shut down, and takes no new requests');
    }
    if (this.#cycles.size < this.#limits.maxRequests) return null;
    return new PosternError(
      'OVERLOADED',
      `${this.#cycles.size} requests run already: raise maxRequests, or add workers`,
    );
  }

  #over(cycle: Cycle): void {
    const onOver = this.#cycles.get(cycle);
    if (!this.#cycles.delete(cycle)) return;
    onOver?.();
    if (this.#cycles.size === 0) this.#whenIdle?.();
  }

  #check(): void {
    const now = this.#clock.now();
    for (const cycle of [...this.#cycles.keys()]) {
      try {
        cycle.check(now, this.#limits);
      } catch (thrown) {
        // Thrown out of a timer it would end the process, and with it everybody else's requests.
        this.#log.error({ error: thrown }, 'a request failed at its time limit, and is given up');
        this.#over(cycle);
      }
    }
  }

  #move(to: InstanceState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`an application cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
