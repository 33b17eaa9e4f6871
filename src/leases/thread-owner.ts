// What a front thread tells the pool, put into messages: which process is behind a lane, what became of it, and how many requests it has finished.

import type { Clock } from '../clock.ts';
import type { EndedRequest } from '../connection/client-exchange.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Program } from '../worker/program.ts';
import type { HolderOwner } from './lane-owner.ts';
import type { LaneRow } from './lane-row.ts';
import { tagOf } from './lane-word.ts';
import type { FromThread, GenerationFacts, LaneName } from './lease-messages.ts';
import { handOverMs } from './leases.ts';
import type { Release } from './release.ts';
import type { WaitingBoard } from './waiting-board.ts';

/** What it is told with. */
export interface DistantOwnerOptions {
  readonly index: number;
  readonly waiting: WaitingBoard;
  /** By their numbers. */
  readonly generations: ReadonlyMap<number, GenerationFacts>;
  readonly send: (message: FromThread) => void;
  readonly ring: (index: number) => void;
  readonly clock: Pick<Clock, 'now'>;
  /** Whether there are as many lanes as there may be: the pool can start no other. */
  readonly isFull: () => boolean;
}

/** How often the pool is told of those that wait, where it can do nothing for them: it looks by itself when a lane ends. */
const fullMs = 100;

/** The pool's own thread. */
export const poolThread = 0;

/** A process that a lane speaks with, and how many requests it had finished when the pool was last told. */
interface Counted {
  readonly process: LaneProcess;
  told: ProcessWork;
}

/** What a process has done. */
type ProcessWork = Pick<LaneProcess, 'requests' | 'workedMs'>;

export class DistantOwner implements HolderOwner {
  readonly #options: DistantOwnerOptions;
  /** By slot. */
  readonly #counted: (Counted | undefined)[] = [];
  /** When the pool may be told again. */
  #tellFromMs = Number.NEGATIVE_INFINITY;

  constructor(options: DistantOwnerOptions) {
    this.#options = options;
  }

  /** See HolderOwner. */
  released(row: LaneRow, release: Release): void {
    this.#options.send({ type: 'released', ...nameOf(row), ...release });
  }

  /** See HolderOwner. */
  worked(worker: number): void {
    this.#options.send({ type: 'worked', worker });
  }

  /** See HolderOwner. */
  known(row: LaneRow, process: LaneProcess | null): void {
    this.#count(row);
    this.#counted[row.slot] = process === null ? undefined : { process, told: workOf(process) };
    this.#options.send({ type: 'known', ...nameOf(row), pid: process?.pid ?? 0 });
  }

  /** The process that came to a lane had finished so many requests elsewhere. */
  met(row: LaneRow, pid: number, before: ProcessWork): void {
    const counted = this.#counted[row.slot];
    if (counted === undefined || counted.process.pid !== pid || row.pid !== pid) return;
    const { process, told } = counted;
    process.requests += before.requests - told.requests;
    process.workedMs += before.workedMs - told.workedMs;
    counted.told = workOf(before);
    row.requests = process.requests;
    row.workedMs = process.workedMs;
  }

  /** See HolderOwner. */
  lost(row: LaneRow, process: LaneProcess): void {
    this.#count(row);
    this.#counted[row.slot] = undefined;
    this.#options.send({ type: 'lost', ...nameOf(row), pid: process.pid });
  }

  /**
   * See HolderOwner. How many wait stands on the board. Under load requests wait all the time, for less than it takes to wake a thread: so the pool is told once
   * in a while, and again when the holder looks again.
   */
  wanted(refused: number): void {
    const { index, waiting, ring, clock, isFull } = this.#options;
    const nowMs = clock.now();
    if (refused > 0) waiting.countRefused(index, refused);
    else if (nowMs < this.#tellFromMs) return;
    this.#tellFromMs = nowMs + (isFull() ? fullMs : handOverMs);
    ring(poolThread);
  }

  /** See HolderOwner. */
  foreign(row: LaneRow, pid: number): void {
    this.#options.send({ type: 'foreign', ...nameOf(row), pid });
  }

  /** See HolderOwner. */
  anonymous(program: Program): void {
    this.#options.send({ type: 'anonymous', generation: this.#numberOf(program) });
  }

  /** See HolderOwner. */
  straggled(pid: number, of: EndedRequest | null): void {
    this.#options.send({ type: 'straggled', pid, of });
  }

  /** See HolderOwner. */
  silent(pid: number, program: Program, isResent: boolean): void {
    this.#options.send({ type: 'silent', pid, generation: this.#numberOf(program), isResent });
  }

  /** Nobody waits here any more, and nobody will. */
  served(): void {
    this.#options.send({ type: 'served' });
  }

  /** No lane is held here any more. */
  left(): void {
    this.#options.send({ type: 'left' });
  }

  #count({ slot, worker }: LaneRow): void {
    const counted = this.#counted[slot];
    if (counted === undefined || counted.process.requests === counted.told.requests) return;
    const { process, told } = counted;
    const requests = process.requests - told.requests;
    this.#options.send({
      type: 'counted',
      worker,
      pid: process.pid,
      requests,
      workedMs: process.workedMs - told.workedMs,
    });
    counted.told = workOf(process);
  }

  #numberOf(program: Program): number {
    for (const [number, one] of this.#options.generations) if (one.program === program) return number;
    return 0;
  }
}

const workOf = ({ requests, workedMs }: ProcessWork): ProcessWork => ({ requests, workedMs });

function nameOf({ slot, word }: LaneRow): LaneName {
  return { slot, tag: tagOf(word) };
}
