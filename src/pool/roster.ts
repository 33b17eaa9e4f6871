// The processes of a pool: crews of all generations, and how each process comes to its end.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { StopReason } from '../worker/state.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import { Children } from './children.ts';
import { endKindOf } from './end-kind.ts';
import { endOf, type Fate, lostGraceMs, type ProcessEnd } from './fate.ts';
import { Crew, type Generation, type Retirement, startTimeoutMs } from './generation.ts';
import { recycleReason } from './governor.ts';
import { countRequest, describeLane, laneFacts, measureLane } from './lane-row.ts';
import { LaneTable } from './lane-table.ts';
import { noteLostRequest, tellExit, tellLostRequest, tellUnreachable } from './losses.ts';
import { isIdleWorker, lanesToRecycle } from './recycling.ts';
import type { Scoreboard } from './scoreboard.ts';
import { minServerLifeMs } from './spawn-score.ts';

/** What the roster tells the pool. */
export interface RosterOwner {
  /** A lane became free. */
  laneFreed(): void;
  /** Its worker has answered its probe. */
  crewReady(crew: Crew): void;
  /** It has finished its first request, or lived long enough: its program works. */
  crewWorked(crew: Crew): void;
  /** Its process has ended, or never began. */
  crewExited(crew: Crew): void;
  /** Nothing is left of it. */
  crewGone(crew: Crew): void;
}

/** What a roster is made from. */
export interface RosterOptions {
  readonly board: Scoreboard;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: RosterOwner;
  /** Makes a worker, which is not started yet. */
  readonly hire: (generation: Generation, events: WorkerEvents) => WorkerHandle;
}

export class Roster implements WorkerEvents {
  readonly lanes: LaneTable;
  readonly #board: Scoreboard;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owner: RosterOwner;
  readonly #hire: RosterOptions['hire'];
  readonly #crews = new Map<WorkerHandle, Crew>();
  readonly #children: Children;

  constructor({ board, clock, log, owner, hire }: RosterOptions) {
    this.#board = board;
    this.lanes = new LaneTable(board, clock);
    this.#clock = clock;
    this.#log = log;
    this.#owner = owner;
    this.#hire = hire;
    this.#children = new Children({
      lanes: this.lanes,
      clock,
      log,
      onReplaced: () => owner.laneFreed(),
      onRetiredGone: (crew) => this.#settle(crew),
    });
  }

  /** Crews that are not gone, of every generation. */
  get crews(): Iterable<Crew> {
    return this.#crews.values();
  }

  get size(): number {
    return this.#crews.size;
  }

  /** Starts a worker with so many lanes. */
  start(generation: Generation, laneCount: number): void {
    const nowMs = this.#clock.now();
    const crew = new Crew(generation, this.#hire(generation, this), nowMs + startTimeoutMs);
    this.#crews.set(crew.worker, crew);
    generation.crews.add(crew);
    for (let count = 0; count < laneCount; count += 1) this.lanes.open(crew);
    this.#board.add('spawned', 1);
    generation.score.started(nowMs);
    crew.worker.start();
    for (const lane of crew.lanes) describeLane(this.#board, lane, crew);
  }

  /** The lanes of crews that are ready become free: its generation is the one that takes requests from now on. */
  admit(crew: Crew): void {
    if (crew.retirement !== null) return;
    for (const lane of [...crew.lanes].reverse()) {
      if (this.#board.state(lane.slot) !== 'starting') continue;
      this.lanes.offer(lane);
    }
    this.#owner.laneFreed();
  }

  /**
   * A lane has no request any more; what becomes of its process.
   * @param leftMs what was left of the request's time
   */
  free(lane: Lane, fate: Fate, leftMs: number): void {
    const { slot } = lane;
    const crew = this.lanes.crew(slot);
    if (!crew) return;
    if (fate === 'keep') {
      countRequest(this.#board, lane);
      if (!crew.hasWorked) this.#worked(crew);
    }
    if (fate === 'lost') noteLostRequest(this.#board, lane, crew, this.#log);
    if (this.#board.state(slot) === 'draining') {
      if (fate !== 'keep' && crew.worker.program.preforks && lane.process) crew.worker.signal(lane.process, 'SIGKILL');
      if (fate === 'kill' && !crew.worker.program.preforks) crew.worker.kill();
      lane.close();
      this.lanes.move(lane, 'stopping');
      this.#settle(crew);
      return;
    }
    this.#meetFate(lane, crew, fate, leftMs);
  }

  /** Takes no more requests on this crew; its process ends when the running ones have. A later call can only shorten the drain. */
  retire(crew: Crew, retirement: Retirement): void {
    const earlier = crew.retirement;
    if (earlier === null) crew.generation.lanes -= crew.lanes.size;
    crew.retirement =
      earlier === null || retirement.reason === 'shutdown'
        ? {
            ...retirement,
            drainUntilMs: Math.min(retirement.drainUntilMs, earlier?.drainUntilMs ?? Number.POSITIVE_INFINITY),
          }
        : earlier;
    for (const lane of crew.lanes) {
      const state = this.#board.state(lane.slot);
      if (state === 'gone' || state === 'draining') continue;
      this.#board.setReason(lane.slot, crew.retirement.reason);
      if (state === 'stopping') continue;
      this.lanes.move(lane, state === 'busy' ? 'draining' : 'stopping');
      if (state !== 'busy') lane.close();
    }
    this.#settle(crew);
  }

  /** Retires the workers of a generation. @param drainUntilMs until when their requests may go on */
  retireAll(generation: Generation, reason: StopReason, drainUntilMs: number): void {
    const { stopTimeoutMs: graceMs } = generation.limits;
    for (const crew of [...generation.crews]) this.retire(crew, { reason, drainUntilMs, graceMs, signal: 'SIGTERM' });
  }

  /** Once a second: looks at what processes use, and ends those whose time has come. */
  sweep(nowMs: number): void {
    for (const crew of this.#crews.values()) {
      if (!crew.hasWorked && crew.worker.isReady && nowMs - crew.worker.startedAtMs >= minServerLifeMs)
        this.#worked(crew);
      for (const lane of crew.lanes) measureLane(this.#board, lane);
    }
    for (const { lane, crew, reason } of lanesToRecycle(
      this.#board,
      this.lanes.idle,
      (lane) => this.lanes.crew(lane.slot)!,
      nowMs,
    )) {
      this.#recycle(lane, crew, reason);
    }
    for (const crew of this.#crews.values()) if (isIdleWorker(this.#board, crew, nowMs)) this.#retireIdle(crew);
  }

  /** See WorkerEvents. */
  workerReady(worker: WorkerHandle): void {
    const crew = this.#crews.get(worker);
    if (crew && crew.retirement === null) this.#owner.crewReady(crew);
  }

  /** See WorkerEvents. */
  workerExited(worker: WorkerHandle): void {
    const crew = this.#crews.get(worker);
    if (!crew) return;
    const { generation, retirement } = crew;
    const kind = endKindOf(crew);
    generation.score.ended(kind, worker.ending, this.#clock.now());
    this.#board.countEnd(retirement?.reason ?? 'crash');
    if (retirement === null) tellExit(crew, this.#log);
    tellLostRequest(crew, this.#log);
    // Preforked children outlive their parent: they may finish what they run, each within its own time.
    this.retire(crew, {
      reason: 'crash',
      drainUntilMs: Number.POSITIVE_INFINITY,
      graceMs: lostGraceMs,
      signal: 'SIGTERM',
    });
    this.#owner.crewExited(crew);
  }

  /** See WorkerEvents. */
  workerGone(worker: WorkerHandle): void {
    const crew = this.#crews.get(worker);
    if (crew) this.#settle(crew);
  }

  /** See LaneEvents. */
  laneKnown(lane: Lane): void {
    const crew = this.lanes.crew(lane.slot);
    if (crew) describeLane(this.#board, lane, crew);
  }

  /** See LaneEvents. */
  laneLost(lane: Lane, process: LaneProcess): void {
    const crew = this.lanes.crew(lane.slot);
    const isFree = this.#board.state(lane.slot) === 'idle';
    if (crew?.worker.program.preforks && isFree) this.#children.lost(lane, crew, process);
  }

  #meetFate(lane: Lane, crew: Crew, fate: Fate, leftMs: number): void {
    if (fate === 'keep') {
      this.#keep(lane, crew);
      return;
    }
    const { program, limits } = crew.generation;
    const { leaveSignal = 'SIGTERM' } = program;
    const how = endOf(fate, { leaveSignal, stopTimeoutMs: limits.stopTimeoutMs, leftMs });
    if (fate === 'unreachable') {
      tellUnreachable(crew, this.#log);
      this.#endWorker(lane, crew, how);
    } else {
      this.#end(lane, crew, how);
    }
  }

  #keep(lane: Lane, crew: Crew): void {
    const { limits } = crew.generation;
    const mayRecycle = limits.maxRequests > 0 || limits.maxAgeMs > 0;
    const reason = mayRecycle ? recycleReason(laneFacts(this.#board, lane, this.#clock.now(), false), limits) : null;
    if (reason !== null) {
      this.#recycle(lane, crew, reason);
      return;
    }
    this.lanes.offer(lane);
    this.#owner.laneFreed();
  }

  /** Ends the process behind a lane: the child alone where it is one and known, else the worker. */
  #end(lane: Lane, crew: Crew, how: ProcessEnd): void {
    const { process } = lane;
    if (!crew.worker.program.preforks) {
      this.#endWorker(lane, crew, how);
    } else if (process !== null) {
      this.#children.end(lane, crew, process, how);
    } else if (how.reason === 'crash' || how.reason === 'abandoned') {
      // Nobody had taken the connection, or the one who had is dead: there is nothing to end.
      lane.close();
      this.#board.setReason(lane.slot, how.reason);
      this.#children.replace(lane, crew);
    } else {
      this.#endWorker(lane, crew, how);
    }
  }

  #endWorker(lane: Lane, crew: Crew, how: ProcessEnd): void {
    const isOnly = crew.lanes.size === 1;
    lane.close();
    this.lanes.move(lane, 'stopping');
    if (isOnly && how.signal === 'SIGKILL') crew.worker.kill();
    this.retire(crew, { ...how, drainUntilMs: Number.POSITIVE_INFINITY });
  }

  /** Ends the process of a free lane for a reason of ours. */
  #recycle(lane: Lane, crew: Crew, reason: StopReason): void {
    const { program, limits } = crew.generation;
    const how = { reason, signal: program.leaveSignal ?? 'SIGTERM', graceMs: limits.stopTimeoutMs } as const;
    if (program.preforks && lane.process) this.#children.end(lane, crew, lane.process, how);
    else this.#endWorker(lane, crew, how);
  }

  #retireIdle(crew: Crew): void {
    const { stopTimeoutMs } = crew.generation.limits;
    this.retire(crew, {
      reason: 'idle',
      drainUntilMs: Number.POSITIVE_INFINITY,
      graceMs: stopTimeoutMs,
      signal: 'SIGTERM',
    });
  }

  /** Takes a retiring crew a step further, when it is time for one. */
  #settle(crew: Crew): void {
    const { retirement, worker } = crew;
    if (retirement === null) return;
    for (const lane of crew.lanes) if (this.#board.state(lane.slot) === 'draining') return;
    if (!worker.isGone) {
      worker.stop(retirement.graceMs, retirement.signal);
      return;
    }
    for (const lane of crew.lanes) this.lanes.move(lane, 'gone');
    this.#crews.delete(worker);
    crew.generation.crews.delete(crew);
    this.#owner.crewGone(crew);
  }

  #worked(crew: Crew): void {
    crew.hasWorked = true;
    crew.generation.score.worked();
    this.#owner.crewWorked(crew);
  }
}
