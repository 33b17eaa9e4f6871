// How processes leave a pool: a child alone or a whole worker, at once or when its requests are done, until nothing is left of it.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { StopReason } from '../worker/state.ts';
import { Children } from './children.ts';
import { endOf, type Fate, type ProcessEnd } from './fate.ts';
import type { Crew, Generation } from './generation.ts';
import type { LaneTable } from './lane-table.ts';
import { tellUnreachable } from './losses.ts';

/** What it works with. */
export interface DeparturesOptions {
  readonly lanes: LaneTable;
  readonly clock: Clock;
  readonly log: Log;
  /** A lane is free that takes the place of one whose child has ended. */
  readonly onReplaced: () => void;
  /** Nothing is left of a worker. */
  readonly onGone: (crew: Crew) => void;
}

export class Departures {
  readonly #lanes: LaneTable;
  readonly #log: Log;
  readonly #onGone: DeparturesOptions['onGone'];
  readonly #children: Children;

  constructor({ lanes, clock, log, onReplaced, onGone }: DeparturesOptions) {
    this.#lanes = lanes;
    this.#log = log;
    this.#onGone = onGone;
    this.#children = new Children({ lanes, clock, log, onReplaced, onRetiredGone: (crew) => this.settle(crew) });
  }

  /**
   * The process behind a lane meets its fate.
   * @param leftMs what was left of the request's time
   */
  meet(fate: Exclude<Fate, 'keep'>, lane: Lane, crew: Crew, leftMs: number): void {
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

  /** The last request of a lane whose crew retires has ended. */
  drained(lane: Lane, crew: Crew, fate: Fate): void {
    const { preforks } = crew.worker.program;
    if (fate !== 'keep' && preforks && lane.process) crew.worker.signal(lane.process, 'SIGKILL');
    if (fate === 'kill' && !preforks) crew.worker.kill();
    lane.close();
    this.#lanes.move(lane, 'stopping');
    this.settle(crew);
  }

  /** Ends the process of a free lane for a reason of ours. */
  recycle(lane: Lane, crew: Crew, reason: StopReason): void {
    const { program, limits } = crew.generation;
    const how = { reason, signal: program.leaveSignal ?? 'SIGTERM', graceMs: limits.stopTimeoutMs } as const;
    if (program.preforks && lane.process) this.#children.end(lane, crew, lane.process, how);
    else this.#endWorker(lane, crew, how);
  }

  /** A free lane of a preforking worker lost its connection. */
  childLost(lane: Lane, crew: Crew, process: LaneProcess): void {
    this.#children.lost(lane, crew, process);
  }

  /** Takes no more requests on this crew; its process ends when the running ones have. Later calls change nothing, but for a shutdown. */
  retire(crew: Crew, how: ProcessEnd): void {
    const { board } = this.#lanes;
    const earlier = crew.retirement;
    if (earlier === null) crew.generation.lanes -= crew.lanes.size;
    crew.retirement = earlier === null || how.reason === 'shutdown' ? how : earlier;
    for (const lane of crew.lanes) {
      const state = board.state(lane.slot);
      if (state === 'gone' || state === 'draining') continue;
      board.setReason(lane.slot, crew.retirement.reason);
      if (state === 'stopping') continue;
      this.#lanes.move(lane, state === 'busy' ? 'draining' : 'stopping');
      if (state !== 'busy') lane.close();
    }
    this.settle(crew);
  }

  /** Retires the workers of a generation. */
  retireAll(generation: Generation, reason: StopReason): void {
    const { stopTimeoutMs: graceMs } = generation.limits;
    for (const crew of [...generation.crews]) this.retire(crew, { reason, graceMs, signal: 'SIGTERM' });
  }

  /** Takes a retiring crew a step further, when it is time for one. */
  settle(crew: Crew): void {
    const { retirement, worker } = crew;
    if (retirement === null) return;
    for (const lane of crew.lanes) if (this.#lanes.board.state(lane.slot) === 'draining') return;
    if (!worker.isGone) {
      worker.stop(retirement.graceMs, retirement.signal);
      return;
    }
    for (const lane of crew.lanes) this.#lanes.move(lane, 'gone');
    crew.generation.crews.delete(crew);
    this.#onGone(crew);
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
      this.#lanes.board.setReason(lane.slot, how.reason);
      this.#children.replace(lane, crew);
    } else {
      this.#endWorker(lane, crew, how);
    }
  }

  #endWorker(lane: Lane, crew: Crew, how: ProcessEnd): void {
    const isOnly = crew.lanes.size === 1;
    lane.close();
    this.#lanes.move(lane, 'stopping');
    if (isOnly && how.signal === 'SIGKILL') crew.worker.kill();
    this.retire(crew, how);
  }
}
