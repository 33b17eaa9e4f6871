// The processes of a pool: crews of all generations, from their start on; how they leave is in `departures.ts`.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import { Departures } from './departures.ts';
import { endKindOf } from './end-kind.ts';
import { type Fate, lostGraceMs } from './fate.ts';
import { Crew, type Generation, startTimeoutMs } from './generation.ts';
import { recycleReason } from './governor.ts';
import { countRequest, describeLane, laneFacts, measureLane } from './lane-row.ts';
import { LaneTable } from './lane-table.ts';
import { noteLostRequest, runnerOf, tellExit, tellLostRequests } from './losses.ts';
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
  readonly departures: Departures;
  readonly #board: Scoreboard;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owner: RosterOwner;
  readonly #hire: RosterOptions['hire'];
  readonly #crews = new Map<WorkerHandle, Crew>();

  constructor({ board, clock, log, owner, hire }: RosterOptions) {
    this.#board = board;
    this.lanes = new LaneTable(board, clock);
    this.#clock = clock;
    this.#log = log;
    this.#owner = owner;
    this.#hire = hire;
    this.departures = new Departures({
      lanes: this.lanes,
      clock,
      log,
      onReplaced: () => owner.laneFreed(),
      onGone: (crew) => {
        this.#crews.delete(crew.worker);
        owner.crewGone(crew);
      },
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
   * @param then what becomes of the request, in words
   */
  free(lane: Lane, fate: Fate, leftMs: number, then: string): void {
    const { slot } = lane;
    const crew = this.lanes.crew(slot);
    if (!crew) return;
    if (fate === 'keep') {
      countRequest(this.#board, lane);
      if (!crew.hasWorked) this.#worked(crew);
    }
    if (fate === 'lost') noteLostRequest(this.#board, lane, crew, then, this.#log);
    if (this.#board.state(slot) === 'draining') this.departures.drained(lane, crew, fate);
    else if (fate === 'keep') this.#keep(lane, crew);
    else this.departures.meet(fate, lane, crew, leftMs);
  }

  /** The process that has the request of a lane; 0: none that is known. */
  runnerOf(lane: Lane): number {
    const crew = this.lanes.crew(lane.slot);
    return crew === null ? 0 : runnerOf(lane, crew);
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
      this.departures.recycle(lane, crew, reason);
    }
    for (const crew of this.#crews.values()) {
      if (!isIdleWorker(this.#board, crew, nowMs)) continue;
      const { stopTimeoutMs: graceMs } = crew.generation.limits;
      this.departures.retire(crew, {
        reason: 'idle',
        graceMs,
        signal: 'SIGTERM',
      });
    }
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
    tellLostRequests(crew, this.#log);
    // Preforked children outlive their parent: they may finish what they run, each within its own time.
    this.departures.retire(crew, {
      reason: 'crash',
      graceMs: lostGraceMs,
      signal: 'SIGTERM',
    });
    this.#owner.crewExited(crew);
  }

  /** See WorkerEvents. */
  workerGone(worker: WorkerHandle): void {
    const crew = this.#crews.get(worker);
    if (crew) this.departures.settle(crew);
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
    if (crew?.worker.program.preforks && isFree) this.departures.childLost(lane, crew, process);
  }

  #keep(lane: Lane, crew: Crew): void {
    const { limits } = crew.generation;
    const mayRecycle = limits.maxRequests > 0 || limits.maxAgeMs > 0;
    const reason = mayRecycle ? recycleReason(laneFacts(this.#board, lane, this.#clock.now(), false), limits) : null;
    if (reason !== null) {
      this.departures.recycle(lane, crew, reason);
      return;
    }
    this.lanes.offer(lane);
    this.#owner.laneFreed();
  }

  #worked(crew: Crew): void {
    crew.hasWorked = true;
    crew.generation.score.worked();
    this.#owner.crewWorked(crew);
  }
}
