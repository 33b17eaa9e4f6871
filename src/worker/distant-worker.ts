// A worker as a thread has it that did not start it: where it listens, what its lanes need of it, and how it ended, as the pool's thread has told.

import type { Clock } from '../clock.ts';
import { ClientConnection, type ConnectionOwner } from '../connection/client-connection.ts';
import { ReadBuffers } from '../connection/dial.ts';
import { SocketUsers } from './belongings.ts';
import type { Exit } from './exit.ts';
import { Lane } from './lane.ts';
import type { LaneEvents, LaneWorker } from './lane-handle.ts';
import { exitOfChild, type LaneProcess, LaneProcesses, type ProcessEnding } from './lane-process.ts';
import type { Program } from './program.ts';

/** What is told of a worker: data that may go from thread to thread. */
export interface WorkerFacts {
  readonly id: number;
  readonly pid: number;
  readonly socketPath: string;
  readonly startedAtMs: number;
  /** The number of its generation. */
  readonly generation: number;
}

export class DistantWorker implements LaneWorker {
  readonly program: Program;
  readonly pid: number;
  readonly clock: Clock;
  readonly #facts: WorkerFacts;
  readonly #processes = new LaneProcesses();
  readonly #buffers = new ReadBuffers();
  #users: SocketUsers | null = null;
  #exit: Exit | null = null;

  constructor(program: Program, facts: WorkerFacts, clock: Clock) {
    this.program = program;
    this.pid = facts.pid;
    this.clock = clock;
    this.#facts = facts;
  }

  /** Another lane to it, not connected yet. */
  addLane(events: LaneEvents): Lane {
    return new Lane(this, events);
  }

  /** It has ended. */
  exited(exit: Exit): void {
    this.#exit = exit;
  }

  /** A process of a lane has ended: another may get its id. */
  forget(pid: number): void {
    if (this.#processes.has(pid)) this.#processes.forget(this.#processes.meet(pid, 0));
  }

  /** See LaneWorker. */
  connect(owner: ConnectionOwner): ClientConnection {
    const { socketPath } = this.#facts;
    return ClientConnection.open({ kind: 'unix', path: socketPath }, owner, {
      clock: this.clock,
      tellsFailures: false,
      buffers: this.#buffers,
    });
  }

  /** See LaneWorker. */
  meet(pid: number): LaneProcess {
    this.#processes.prune(2 * this.program.lanesPerWorker);
    return this.#processes.meet(pid, this.clock.now());
  }

  /** See LaneWorker. The thread that started the worker ends it, and is told by `laneForeign`. */
  endForeign(pid: number): boolean {
    this.#users ??= new SocketUsers(this.pid);
    return this.#users.isForeign(pid);
  }

  /** See LaneWorker. */
  endOf(process: LaneProcess | null): ProcessEnding | null {
    const exit = this.program.preforks ? exitOfChild(process) : this.#exit;
    return exit === null ? null : this.#processes.judge(exit);
  }
}
