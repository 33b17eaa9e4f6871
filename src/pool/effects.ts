// Carries out what a pool's step decides: starts and ends processes, opens and closes lanes, sets timers; and tells it what becomes of them.

import type { Clock, Timer } from '../clock.ts';
import type { EndedRequest } from '../connection/running-exchanges.ts';
import type { Log } from '../log.ts';
import type { LaneHandle } from '../worker/lane-handle.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Program } from '../worker/program.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import type { Effect, Failure, PoolEvent, PoolState, WorkerRecord } from './pool-state.ts';
import { tell, tellAnonymous, tellForeign, tellSilence, tellStraggler } from './pool-words.ts';
import { ProcessWatch } from './process-watch.ts';
import type { WorkerFactory } from './worker-factory.ts';

/** What effects are carried out with, and who hears what. */
export interface EffectsOptions {
  readonly name: string;
  readonly state: PoolState;
  readonly factory: WorkerFactory;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: (event: PoolEvent) => void;
  /** Lanes are free. */
  readonly onFreed: () => void;
  /** No worker can be started soon. */
  readonly onRefuse: () => void;
  readonly onStarted: (failure: Failure | null) => void;
  readonly onReloaded: (failure: Failure | null) => void;
  /** A worker is gone, or the pool is closed. */
  readonly onGone: () => void;
}

export class Effects implements WorkerEvents {
  readonly #options: EffectsOptions;
  /** By slot, and by id: what is behind the records of the state. */
  readonly #lanes: LaneHandle[] = [];
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #ids = new Map<WorkerHandle, number>();
  readonly #watch: ProcessWatch;
  /** Programs that left a request on a kept connection unread: theirs are not kept any more. */
  readonly #unread = new WeakSet<Program>();
  readonly #anonymous = new WeakSet<Program>();
  #wakeTimer: Timer | null = null;

  constructor(options: EffectsOptions) {
    this.#options = options;
    const { clock, state, onEvent } = options;
    this.#watch = new ProcessWatch({ clock, state, lanes: this.#lanes, workers: this.#workers, onEvent });
  }

  /** Workers that are not gone. */
  get workers(): Iterable<WorkerHandle> {
    return this.#workers.values();
  }

  get isEmpty(): boolean {
    return this.#workers.size === 0;
  }

  /** The lane on a slot; undefined: there was none. */
  lane(slot: number): LaneHandle | undefined {
    return this.#lanes[slot];
  }

  start(): void {
    this.#watch.start();
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
        this.#addLane(this.#workers.get(effect.lane.worker.id)!, effect.lane.slot);
        return;
      case 'close-lane':
        this.#lanes[effect.slot]?.close();
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
        return;
      case 'look':
        this.#watch.lookAtChildren();
        return;
      case 'freed':
        this.#options.onFreed();
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
  workerReady(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id !== undefined) this.#options.onEvent({ type: 'ready', worker: id });
  }

  /** See WorkerEvents. */
  workerExited(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    const { exit, ending, isShortage } = worker;
    if (id !== undefined) this.#options.onEvent({ type: 'exited', worker: id, exit, ending, isShortage });
  }

  /** See WorkerEvents. */
  workerGone(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id === undefined) return;
    this.#ids.delete(worker);
    this.#workers.delete(id);
    this.#options.onEvent({ type: 'gone', worker: id });
    this.#options.onGone();
  }

  /** See LaneEvents. */
  laneKnown(lane: LaneHandle): void {
    if (this.#lanes[lane.slot] === lane)
      this.#options.onEvent({ type: 'known', slot: lane.slot, process: lane.process });
  }

  /** See LaneEvents. */
  laneLost(lane: LaneHandle, process: LaneProcess): void {
    const record = this.#options.state.lanes[lane.slot];
    if (!record || this.#lanes[lane.slot] !== lane) return;
    const ending = this.#workers.get(record.worker.id)?.endOf(process) ?? null;
    this.#options.onEvent({ type: 'lost', slot: lane.slot, exit: ending?.exit ?? null });
  }

  /** See LaneEvents. */
  laneForeign(_lane: LaneHandle, pid: number): void {
    tellForeign(this.#options.log, this.#options.name, pid);
  }

  /** See LaneEvents. */
  laneAnonymous(program: Program): void {
    if (this.#anonymous.has(program)) return;
    this.#anonymous.add(program);
    tellAnonymous(this.#options.log, this.#options.name);
  }

  /** See LaneEvents. */
  laneStraggled({ pid }: LaneHandle, of: EndedRequest | null): void {
    tellStraggler(this.#options.log, this.#options.name, pid, of);
  }

  /** See LaneEvents. */
  laneSilent({ pid }: LaneHandle, program: Program, isResent: boolean): void {
    if (this.#unread.has(program)) return;
    this.#unread.add(program);
    tellSilence(this.#options.log, this.#options.name, pid, isResent);
  }

  /** See LaneEvents. */
  isReused(program: Program): boolean {
    return !this.#unread.has(program);
  }

  #startWorker(record: WorkerRecord): void {
    const worker = this.#options.factory.make(record.generation.program, this);
    this.#workers.set(record.id, worker);
    this.#ids.set(worker, record.id);
    for (const { slot } of record.lanes) this.#addLane(worker, slot);
    worker.start();
    this.#options.onEvent({ type: 'launched', worker: record.id, pid: worker.pid });
  }

  #addLane(worker: WorkerHandle, slot: number): void {
    const lane = worker.addLane();
    lane.slot = slot;
    this.#lanes[slot] = lane;
  }

  #wake(atMs: number | null): void {
    this.#wakeTimer?.cancel();
    const { clock, onEvent } = this.#options;
    this.#wakeTimer = atMs === null ? null : clock.after(atMs - clock.now(), () => onEvent({ type: 'woke' }));
  }
}
