// Carries out what a pool's step decides: starts and ends processes, opens and closes lanes, sets timers; and tells it what becomes of them.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import type { LaneHolders } from '../leases/lane-holders.ts';
import type { LaneRow } from '../leases/lane-row.ts';
import type { Log } from '../log.ts';
import type { Program } from '../worker/program.ts';
import { openSpawner, type Spawner } from '../worker/spawner.ts';
import type { Starter } from '../worker/starter.ts';
import { Worker, type WorkerEvents, type WorkerHandle } from '../worker/worker.ts';
import type { Effect, Failure, PoolEvent, PoolState, WorkerRecord } from './pool-state.ts';
import { tell, tellForeign } from './pool-words.ts';
import { ProcessWatch } from './process-watch.ts';

/** What effects are carried out with, and who hears what. */
export interface EffectsOptions {
  readonly name: string;
  readonly state: PoolState;
  readonly factory: WorkerFactory;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: (event: PoolEvent) => void;
  /** Who has the lanes. */
  readonly holders: LaneHolders;
  /** No worker can be started soon. */
  readonly onRefuse: () => void;
  readonly onStarted: (failure: Failure | null) => void;
  readonly onReloaded: (failure: Failure | null) => void;
  /** A worker is gone, or the pool is closed. */
  readonly onGone: () => void;
}

export class Effects implements WorkerEvents {
  readonly #options: EffectsOptions;
  /** By id: what is behind the records of the state. */
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #ids = new Map<WorkerHandle, number>();
  readonly #watch: ProcessWatch;
  #wakeTimer: Timer | null = null;

  constructor(options: EffectsOptions) {
    this.#options = options;
    const { name, clock, log, state, holders, onEvent } = options;
    const onNested = ({ method, url }: LaneRow, pid: number): void =>
      tellForeign(log, name, pid, method === '' ? null : { method, url });
    this.#watch = new ProcessWatch({ clock, state, holders, workers: this.#workers, onEvent, onNested });
  }

  /** Workers that are not gone. */
  get workers(): Iterable<WorkerHandle> {
    return this.#workers.values();
  }

  get isEmpty(): boolean {
    return this.#workers.size === 0;
  }

  /** The worker of a record; undefined: it is gone. */
  worker(id: number): WorkerHandle | undefined {
    return this.#workers.get(id);
  }

  stop(): void {
    this.#watch.stop();
    this.#wakeTimer?.cancel();
  }

  carryOut(effect: Effect): void {
    const { clock, log, name } = this.#options;
    switch (effect.type) {
      case 'start':
        this.#startWorker(effect.worker);
        return;
      case 'open-lane':
        this.#options.holders.openLane(effect.lane.slot);
        return;
      case 'close-lane':
        this.#options.holders.closeLane(effect.slot);
        return;
      case 'stop':
        this.#workers.get(effect.worker.id)?.stop(effect.how.graceMs, effect.how.signal);
        return;
      case 'kill':
        this.#workers.get(effect.worker.id)?.kill();
        return;
      case 'signal': {
        const { worker, process } = effect.lane;
        if (process === null) return;
        if (effect.signal === 'SIGKILL') this.#workers.get(worker.id)?.killProcess(process);
        else this.#workers.get(worker.id)?.signal(process, effect.signal);
        return;
      }
      case 'forget':
        this.#workers.get(effect.worker.id)?.forget(effect.process);
        this.#options.holders.forgetProcess(effect.worker.id, effect.process.pid);
        return;
      case 'look':
        this.#watch.lookAtChildren();
        return;
      case 'freed':
        this.#options.holders.freed();
        return;
      case 'refuse':
        this.#options.onRefuse();
        return;
      case 'wake':
        this.#wake(effect.atMs);
        return;
      case 'started':
        this.#options.onStarted(effect.failure);
        return;
      case 'reloaded':
        this.#options.onReloaded(effect.failure);
        return;
      case 'closed':
        this.#options.onGone();
        return;
      case 'tell':
        tell(log, name, effect.what, clock.now());
        return;
    }
  }

  /** See WorkerEvents. */
  workerLaunched(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id !== undefined) this.#options.onEvent({ type: 'launched', worker: id, pid: worker.pid });
  }

  /** See WorkerEvents. */
  workerReady(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    const record = id === undefined ? undefined : this.#options.state.workers.get(id);
    if (id === undefined) return;
    if (record !== undefined) this.#options.holders.workerReady(record, worker);
    this.#options.onEvent({ type: 'ready', worker: id });
  }

  /** See WorkerEvents. */
  workerExited(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    const { exit, ending, isShortage, diedAtQuestion } = worker;
    if (id === undefined) return;
    this.#options.holders.workerExited(id, exit);
    this.#options.onEvent({ type: 'exited', worker: id, exit, ending, isShortage, diedAtQuestion });
  }

  /** See WorkerEvents. */
  workerGone(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id === undefined) return;
    this.#ids.delete(worker);
    this.#workers.delete(id);
    this.#options.onEvent({ type: 'gone', worker: id });
    this.#options.holders.workerGone(id);
    this.#options.onGone();
  }

  #startWorker(record: WorkerRecord): void {
    const worker = this.#options.factory.make(record.generation.program, this, record.generation.asksValues);
    this.#workers.set(record.id, worker);
    this.#ids.set(worker, record.id);
    this.#options.holders.workerMade(record, worker);
    this.#watch.start();
    worker.start();
    this.#options.onEvent({ type: 'launched', worker: record.id, pid: worker.pid });
  }

  #wake(atMs: number | null): void {
    this.#wakeTimer?.cancel();
    const { clock, onEvent } = this.#options;
    this.#wakeTimer = atMs === null ? null : clock.after(atMs - clock.now(), () => onEvent({ type: 'woke' }));
  }
}

/** What workers are made with. */
export interface WorkerFactoryOptions {
  /** Where the pool's folder is made. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of whoever has several pools; he closes it. null: one of its own. */
  readonly starter: Starter | null;
  /** What makes them in place of this one; null: nothing. */
  readonly makeWorker: ((program: Program, events: WorkerEvents) => WorkerHandle) | null;
}

export class WorkerFactory {
  readonly #options: WorkerFactoryOptions;
  #folder: string | null = null;
  #starter: Starter | null = null;
  /** One of its own. */
  #spawner: Spawner | null = null;
  #count = 0;

  constructor(options: WorkerFactoryOptions) {
    this.#options = options;
  }

  open(): void {
    if (this.#options.makeWorker !== null) return;
    // Short: a socket's path holds 107 bytes at most. It is made with the first socket in it: a pool on demand costs nothing.
    this.#folder = join(this.#options.directory, `p${randomBytes(6).toString('base64url')}`);
    if (this.#options.starter === null) this.#spawner = openSpawner();
    this.#starter = this.#options.starter ?? this.#spawner;
  }

  /** A worker that is not started yet. */
  make(program: Program, events: WorkerEvents, asksValues: boolean): WorkerHandle {
    const { makeWorker, clock, log } = this.#options;
    if (makeWorker !== null) return makeWorker(program, events);
    if (this.#folder === null || this.#starter === null) throw new Error('the pool has not been started');
    this.#count += 1;
    const path = join(this.#folder, String(this.#count));
    return new Worker({ program, starter: this.#starter, path, clock, log, events, asksValues });
  }

  /** Removes the folder. Repeatable. */
  close(): void {
    this.#spawner?.close();
    if (this.#folder !== null && this.#count > 0) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
    this.#starter = null;
  }
}
