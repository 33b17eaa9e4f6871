// An application inside of this process as a pool: its queue, and `maxRequests` requests at a time as the seats of it.

import { type Clock, systemClock } from '../clock.ts';
import { type Given, withDefaults } from '../defaults.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { operated, type PoolSnapshot, runningRows, withoutWorkers } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { QueueCounters } from '../queue/queue-books.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { SeatOutcome, SeatProvider } from '../queue/seat.ts';
import { type AppLimits, defaultAppLimits } from './app-options.ts';
import type { Application } from './application.ts';
import { Instance } from './instance.ts';
import { ModuleSeat } from './module-seat.ts';

/** Limits of an embedded application: those of any pool's queue, and what is the application's own. */
export interface ModuleLimits extends Omit<QueueLimits, 'seats'>, Omit<AppLimits, 'requestTimeoutMs'> {}

/** The limits where nothing is said: those of a pool in a configuration. */
export const defaultModuleLimits: ModuleLimits = {
  graceMs: defaultAppLimits.graceMs,
  maxRequests: defaultAppLimits.maxRequests,
  maxBodyBytes: defaultAppLimits.maxBodyBytes,
  stopTimeoutMs: defaultAppLimits.stopTimeoutMs,
  queue: 512,
  queueTimeoutMs: 5_000,
  requestTimeoutMs: 0,
  readTimeoutMs: 60_000,
};

/** Options of `embed`. */
export interface EmbedOptions {
  /** As logs and the snapshot call it. @default "app" */
  readonly name?: string | undefined;
  readonly limits?: Given<ModuleLimits> | undefined;
  /** @default none */
  readonly log?: Log | undefined;
}

/** A started application that takes requests in this process. */
export class ModulePool implements Backend, SeatProvider<ModuleSeat> {
  readonly name: string;
  readonly words = { seat: 'place', limit: 'maxRequests', taken: 'the handler is told to stop' };
  readonly #instance: Instance;
  readonly #limits: ModuleLimits;
  readonly #clock: Clock;
  readonly #queue: Queue<ModuleSeat>;
  readonly #startedAt: number;
  #taken = 0;
  #closing: Promise<void> | null = null;

  /** @param instance whose modules are up; ends with this */
  constructor(instance: Instance, limits: ModuleLimits, log: Log, clock: Clock) {
    const { name } = instance;
    this.name = name;
    this.#instance = instance;
    this.#limits = limits;
    this.#clock = clock;
    this.#startedAt = clock.wall();
    const { maxRequests, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs } = limits;
    const ofQueue = { seats: maxRequests, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs };
    this.#queue = new Queue({ name, provider: this, limits: ofQueue, clock, log });
  }

  get app(): Application {
    return this.#instance.app;
  }

  get counters(): QueueCounters {
    return this.#queue.counters.snapshot();
  }

  /** Requests whose handlers are not done: those too that nobody waits for any more. */
  get running(): number {
    return this.#taken;
  }

  /** What runs at this moment. */
  snapshot(): PoolSnapshot {
    return {
      ...withoutWorkers,
      name: this.name,
      kind: 'module',
      program: 'an application inside of this process',
      startedAt: this.#startedAt,
      workers: this.#limits.maxRequests,
      queue: this.#limits.queue,
      ...operated(this.#queue),
      lanes: runningRows(this.#queue, this.#clock.now()),
    };
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    return this.#queue.run(request, sink);
  }

  /** Takes no new requests, lets those that wait and run finish, up to `stopTimeoutMs`, and shuts the modules down. Repeatable. */
  close(): Promise<void> {
    this.#closing ??= this.#queue.close(this.#limits.stopTimeoutMs).then(() => this.#instance.close());
    return this.#closing;
  }

  /** Refuses those that wait, stops those that run, and shuts the modules down when their handlers are done, or graceMs is over. Repeatable. */
  destroy(): Promise<void> {
    void this.#queue.destroy();
    return this.close();
  }

  /** See SeatProvider. */
  take(): ModuleSeat | null {
    if (this.#taken >= this.#limits.maxRequests) return null;
    this.#taken += 1;
    return new ModuleSeat(this.#instance, (isReleased) => {
      this.#taken -= 1;
      if (isReleased) this.#queue.serve();
    });
  }

  /** See SeatProvider. */
  giveBack(seat: ModuleSeat, { code }: SeatOutcome): void {
    const why = code === 'ANSWER_TIMEOUT' ? 'its time is over' : 'its application is being shut down';
    seat.dismiss(new PosternError(code ?? 'ABORTED', why));
  }

  /** See SeatProvider: there is nothing to get ready. */
  wanted(): void {}

  /** See SeatProvider: there is one application, in one process. */
  hasOther(): boolean {
    return false;
  }
}

/**
 * Starts an application in this process. `run` of what it returns takes requests; `close()` ends it.
 * @throws PROGRAM_NOT_STARTED with the name of the module that failed
 */
export async function embed(app: Application, options: EmbedOptions = {}): Promise<ModulePool> {
  const { name, log = silentLog } = options;
  const limits = withDefaults(defaultModuleLimits, options.limits);
  // The queue ends those whose time is over.
  const own = { ...limits, requestTimeoutMs: 0 };
  const instance = await Instance.start(app, { mode: 'module', name, limits: own, log });
  return new ModulePool(instance, limits, log, systemClock);
}
