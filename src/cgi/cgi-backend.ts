// Runs plain CGI programs: the file that SCRIPT_FILENAME names, one process a request (RFC 3875).

import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import type { Launcher } from '../worker/launcher.ts';
import { CgiRun } from './cgi-run.ts';

/** How much a CGI pool may do at a time, and for how long. */
export interface CgiLimits {
  /** Processes at a time. */
  readonly workers: number;
  /** Requests that may wait. */
  readonly queue: number;
  /** For how long. 0: not at all. */
  readonly queueTimeoutMs: number;
  /** How long a program may take. 0: no limit. */
  readonly requestTimeoutMs: number;
  /** How long a program that is ended has between SIGTERM and SIGKILL. */
  readonly stopTimeoutMs: number;
}

/** What a CGI pool is made from. */
export interface CgiBackendOptions {
  readonly name: string;
  readonly limits: CgiLimits;
  /** What the programs get besides the CGI variables; PATH belongs here. */
  readonly env: Readonly<Record<string, string>>;
  /** User to run as; null: as this process. */
  readonly user: string | null;
  /** Belongs to the caller. */
  readonly launcher: Launcher;
  readonly clock: Clock;
}

/** Requests of a CGI pool: accepted = waiting + running + finished + failed + aborted, at every moment. */
export interface CgiCounters {
  accepted: number;
  waiting: number;
  running: number;
  /** Answered in full. */
  finished: number;
  /** Refused, or ended in an error. */
  failed: number;
  /** The client left. */
  aborted: number;
}

/** A CGI pool as a backend. At most `workers` processes run; `queue` requests wait for `queueTimeoutMs` each. */
export class CgiBackend implements Backend {
  readonly name: string;
  readonly #options: CgiBackendOptions;
  readonly #waiting = new Set<CgiRun>();
  readonly #running = new Set<CgiRun>();
  readonly #counters = { accepted: 0, finished: 0, failed: 0, aborted: 0 };
  #isClosing = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: CgiBackendOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** A copy of the counters. */
  get counters(): CgiCounters {
    return { ...this.#counters, waiting: this.#waiting.size, running: this.#running.size };
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    const run = new CgiRun(request, sink, this.#options, (over) => this.#over(over));
    this.#counters.accepted += 1;
    const { limits, clock } = this.#options;
    const refusal = this.#refusal();
    if (refusal !== null) {
      run.refuse(refusal);
    } else if (this.#running.size < limits.workers) {
      this.#start(run);
    } else {
      this.#waiting.add(run);
      run.deadline = clock.after(limits.queueTimeoutMs, () => this.#tooLate(run));
    }
    return run;
  }

  /** Refuses new requests; resolves when those it has are over. Repeatable. */
  close(): Promise<void> {
    this.#isClosing = true;
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Ends every program now; their requests fail. Resolves when the last process is gone. Repeatable. */
  destroy(): Promise<void> {
    const error = new PosternError('POOL_CLOSING', `pool ${this.name} was ended`);
    for (const run of this.#waiting) run.refuse(error);
    for (const run of this.#running) run.destroy(error);
    return this.close();
  }

  /** Why no more can be taken now. */
  #refusal(): PosternError | null {
    const { workers, queue, queueTimeoutMs } = this.#options.limits;
    if (this.#isClosing) return new PosternError('POOL_CLOSING', `pool ${this.name} is closing`);
    if (this.#running.size < workers || (this.#waiting.size < queue && queueTimeoutMs > 0)) return null;
    const full = `${this.#running.size} of ${workers} programs run and ${this.#waiting.size} of ${queue} requests wait`;
    return new PosternError('QUEUE_FULL', `pool ${this.name}: ${full}: raise workers or queue`);
  }

  #tooLate(run: CgiRun): void {
    const { workers, queueTimeoutMs } = this.#options.limits;
    const busy = `${this.#running.size} of ${workers} programs run`;
    const message = `pool ${this.name}: no turn came within ${queueTimeoutMs} ms (${busy}): raise workers or queueTimeout`;
    run.refuse(new PosternError('QUEUE_TIMEOUT', message));
  }

  #start(run: CgiRun): void {
    this.#running.add(run);
    run.start();
  }

  /** A run is over: its process is gone, or there never was one. */
  #over(run: CgiRun): void {
    this.#counters[run.outcome] += 1;
    this.#waiting.delete(run);
    if (!this.#running.delete(run)) return;
    // A set keeps the order in which its members came.
    const [next] = this.#waiting;
    if (next !== undefined && this.#running.size < this.#options.limits.workers) {
      this.#waiting.delete(next);
      next.deadline?.cancel();
      this.#start(next);
    }
    if (this.#running.size === 0 && this.#isClosing) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
