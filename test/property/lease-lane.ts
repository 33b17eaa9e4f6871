// A lane of the lease model: a connection that is counted, so that two at a time are found out, and a request that is answered by hand.

import { tagOf } from '../../src/leases/lane-word.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import type { SeatUser } from '../../src/queue/seat.ts';
import type { Exit } from '../../src/worker/exit.ts';
import type { LaneEvents, LaneHandle } from '../../src/worker/lane-handle.ts';
import type { LaneProcess } from '../../src/worker/lane-process.ts';
import { FakeSeat } from '../support/fake-seats.ts';
import type { Stage } from './lock-step.ts';

/** What its thread knows. */
export interface LeaseLaneWorld {
  readonly stage: Stage;
  readonly events: LaneEvents;
  /** The word of a slot. */
  readonly word: (slot: number) => number;
  /** Processes of the worker, or its only one. */
  readonly pid: () => number;
  /** Whether its connection is kept after a request. */
  readonly isKept: boolean;
  readonly lanes: Set<LeaseLane>;
}

export class LeaseLane extends FakeSeat implements LaneHandle {
  slot = -1;
  process: LaneProcess | null = null;
  exit: Exit | null = null;
  isConnected = false;
  readonly #world: LeaseLaneWorld;
  #tag = -1;

  constructor(world: LeaseLaneWorld) {
    super(0);
    this.#world = world;
    world.lanes.add(this);
  }

  override run(request: CgiRequest, user: SeatUser): void {
    if (!this.isConnected) this.#connect();
    super.run(request, user);
  }

  override answer(text?: string): void {
    if (!this.#world.isKept) this.#disconnect();
    super.answer(text);
    this.#tell();
  }

  /** Its process ends under its request. */
  die(): void {
    this.exit = { code: null, signal: 'SIGKILL' };
    this.processEnd = 'killed';
    this.#disconnect();
    this.fail('CONNECTION_LOST');
  }

  /** Its process closes the connection while it is free. */
  lose(): void {
    const { process } = this;
    if (!this.isConnected || this.user !== null || process === null) return;
    this.#disconnect();
    this.process = null;
    this.#world.events.laneLost(this, process);
  }

  break(): void {}

  close(): void {
    this.user = null;
    this.request = null;
    this.#disconnect();
    this.process = null;
  }

  #connect(): void {
    const { stage, word, events, pid } = this.#world;
    this.#tag = tagOf(word(this.slot));
    const other = stage.connection(this.slot, this.#tag);
    if (other !== 0) {
      stage.fail();
      throw new Error(`lane ${this.slot}: actor ${stage.me} connects while ${other - 1} has a connection to it`);
    }
    stage.setConnection(this.slot, this.#tag, stage.me + 1);
    this.isConnected = true;
    this.process = { pid: pid(), sinceMs: stage.nowMs, requests: 0, workedMs: 0 };
    events.laneKnown(this);
  }

  #disconnect(): void {
    if (!this.isConnected) return;
    // Others go on while a connection is being closed.
    this.#world.stage.pause();
    this.isConnected = false;
    this.#world.stage.setConnection(this.slot, this.#tag, 0);
  }

  /** A connection that is not kept is closed after its request. */
  #tell(): void {
    if (this.isConnected || this.user !== null || this.process === null) return;
    this.process = null;
    this.#world.events.laneKnown(this);
  }
}
