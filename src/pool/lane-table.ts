// The lanes of a pool by their slots on the scoreboard, the crew that each belongs to, and the list of those that are free.

import type { Clock } from '../clock.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneState } from '../worker/state.ts';
import type { Crew } from './generation.ts';
import type { Scoreboard } from './scoreboard.ts';

export class LaneTable {
  readonly board: Scoreboard;
  readonly #clock: Clock;
  /** Free lanes; the last one is taken first, so that a lane which traffic never needs keeps sharing its parent's pages. */
  readonly #idle: Lane[] = [];
  readonly #lanes: (Lane | null)[] = [];
  readonly #crewOf: (Crew | null)[] = [];

  constructor(board: Scoreboard, clock: Clock) {
    this.board = board;
    this.#clock = clock;
  }

  /** Free lanes, the next to be taken last. */
  get idle(): readonly Lane[] {
    return this.#idle;
  }

  /** The lane on a slot; null: none. */
  lane(slot: number): Lane | null {
    return this.#lanes[slot] ?? null;
  }

  /** The crew of the lane on a slot; null: there is no lane. */
  crew(slot: number): Crew | null {
    return this.#crewOf[slot] ?? null;
  }

  /** Another lane to a crew's worker; it is `starting`. */
  open(crew: Crew): Lane {
    const lane = crew.worker.addLane();
    lane.slot = this.board.open(this.#clock.now());
    this.board.columns.generation[lane.slot] = crew.generation.number;
    this.#lanes[lane.slot] = lane;
    this.#crewOf[lane.slot] = crew;
    crew.lanes.add(lane);
    crew.generation.lanes += 1;
    crew.generation.startingLanes += 1;
    return lane;
  }

  /** Takes the free lane that was used last; undefined: there is none. */
  take(): Lane | undefined {
    const lane = this.#idle.pop();
    if (lane !== undefined) this.#set(lane, 'busy');
    return lane;
  }

  /** A lane is free, and the next to be taken. */
  offer(lane: Lane): void {
    this.#set(lane, 'idle');
    this.#idle.push(lane);
  }

  /** A lane without a connection is free: those that have one are taken before it. */
  offerLast(lane: Lane): void {
    if (this.board.state(lane.slot) === 'idle') this.#withdraw(lane);
    else this.#set(lane, 'idle');
    this.#idle.unshift(lane);
  }

  /** A lane takes no more requests. */
  move(lane: Lane, to: Exclude<LaneState, 'idle' | 'busy'>): void {
    if (this.board.state(lane.slot) === 'idle') this.#withdraw(lane);
    this.#set(lane, to);
  }

  /** The only caller of the scoreboard's `move`. */
  #set(lane: Lane, to: LaneState): void {
    const { slot } = lane;
    const crew = this.#crewOf[slot]!;
    const from = this.board.state(slot);
    this.board.move(slot, to, this.#clock.now());
    if (from === 'starting') crew.generation.startingLanes -= 1;
    if (to !== 'gone') return;
    crew.lanes.delete(lane);
    if (crew.retirement === null) crew.generation.lanes -= 1;
    this.#lanes[slot] = null;
    this.#crewOf[slot] = null;
  }

  #withdraw(lane: Lane): void {
    const at = this.#idle.lastIndexOf(lane);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}
