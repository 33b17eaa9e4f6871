// The preforked children behind lanes: their parent reaps them and forks the next ones without telling us, so we have to look.

import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { formatExit } from '../worker/exit.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import { glimpseExit, isGone } from '../worker/process-table.ts';
import type { ProcessEnd } from './fate.ts';
import type { Crew } from './generation.ts';
import { describeLane } from './lane-row.ts';
import type { LaneTable } from './lane-table.ts';
import { tellIdleExit } from './losses.ts';

/** What it works with. */
export interface ChildrenOptions {
  readonly lanes: LaneTable;
  readonly clock: Clock;
  readonly log: Log;
  /** A lane is free that takes the place of one whose child has ended. */
  readonly onReplaced: () => void;
  /** A lane is gone whose crew retires. */
  readonly onRetiredGone: (crew: Crew) => void;
}

/** A child that is to end, and its lane, which is `stopping`. */
interface Ending {
  readonly lane: Lane;
  readonly crew: Crew;
  readonly process: LaneProcess;
  /** When it has had its time; Infinity when SIGKILL was sent. */
  killAtMs: number;
}

/** How often those that are to end are looked at. */
const periodMs = 10;

export class Children {
  readonly #options: ChildrenOptions;
  readonly #endings = new Set<Ending>();
  #timer: Timer | null = null;

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  /** Ends the child behind a lane, and no other. */
  end(lane: Lane, crew: Crew, process: LaneProcess, how: ProcessEnd): void {
    const { lanes, clock } = this.#options;
    lanes.board.setReason(lane.slot, how.reason);
    lanes.move(lane, 'stopping');
    crew.worker.signal(process, how.signal);
    // After the signal: php-cgi goes on reading a kept connection until that ends, and then sees that it is to leave.
    lane.close();
    this.#endings.add({ lane, crew, process, killAtMs: clock.now() + how.graceMs });
    this.#timer ??= clock.every(periodMs, () => this.#look());
  }

  /** A free lane's connection was closed by the other side: its child has ended, unless it only wants another connection. */
  lost(lane: Lane, crew: Crew, process: LaneProcess): void {
    const { lanes, log } = this.#options;
    const exit = glimpseExit(process.pid);
    if (exit.code === null && exit.signal === null && !isGone(process.pid)) {
      describeLane(lanes.board, lane, crew);
      lanes.offerLast(lane);
      return;
    }
    tellIdleExit(crew, process, formatExit(exit), log);
    lanes.board.setReason(lane.slot, 'crash');
    this.#gone(lane, crew, process);
  }

  /** A new lane to the same worker in the place of one that is over. */
  replace(lane: Lane, crew: Crew): void {
    const { lanes, onReplaced, onRetiredGone } = this.#options;
    lanes.move(lane, 'gone');
    if (crew.retirement !== null) {
      onRetiredGone(crew);
      return;
    }
    const next = lanes.open(crew);
    describeLane(lanes.board, next, crew);
    lanes.offerLast(next);
    onReplaced();
  }

  #look(): void {
    for (const ending of this.#endings) this.#lookAt(ending);
    if (this.#endings.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #lookAt(ending: Ending): void {
    const { lane, crew, process } = ending;
    if (crew.retirement !== null) {
      // It ends with its group.
      this.#endings.delete(ending);
    } else if (isGone(process.pid) || !this.#killIfDue(ending)) {
      this.#endings.delete(ending);
      this.#gone(lane, crew, process);
    }
  }

  /** @returns false when it has ended, and its id was given to a process of others */
  #killIfDue(ending: Ending): boolean {
    if (this.#options.clock.now() < ending.killAtMs) return true;
    ending.killAtMs = Number.POSITIVE_INFINITY;
    return ending.crew.worker.signal(ending.process, 'SIGKILL');
  }

  /** The parent has forked another by now, or is about to. */
  #gone(lane: Lane, crew: Crew, process: LaneProcess): void {
    const { board } = this.#options.lanes;
    lane.close();
    crew.worker.forget(process);
    board.countEnd(board.reason(lane.slot) ?? 'crash');
    board.add('spawned', 1);
    this.replace(lane, crew);
  }
}
