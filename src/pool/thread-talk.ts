// What the pool hears of its lanes, from the holder of its own thread and from front threads: made into events of its step, and words of its log.

import type { EndedRequest } from '../connection/client-exchange.ts';
import type { HolderOwner } from '../leases/lane-owner.ts';
import type { LaneRow } from '../leases/lane-row.ts';
import { holderOf, nobody, tagOf } from '../leases/lane-word.ts';
import type { FromThread, LaneName, ToThread } from '../leases/lease-messages.ts';
import type { Release } from '../leases/release.ts';
import type { PoolListener } from '../leases/thread-link.ts';
import type { Log } from '../log.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Program } from '../worker/program.ts';
import type { WorkerHandle } from '../worker/worker.ts';
import type { PoolEvent, PoolState } from './pool-state.ts';
import { tellAnonymous, tellForeign, tellSilence, tellStraggler } from './pool-words.ts';

/** What it works with, and who hears what. */
export interface ThreadTalkOptions {
  readonly state: PoolState;
  readonly log: Log;
  /** A worker by its id; undefined: it is gone. */
  readonly worker: (id: number) => WorkerHandle | undefined;
  readonly onEvent: (event: PoolEvent) => void;
  readonly send: (index: number, message: ToThread) => void;
  /** A front thread closes, and nobody waits in it. */
  readonly onServed: () => void;
  /** A front thread holds nothing any more. */
  readonly onLeft: (index: number) => void;
}

export class ThreadTalk implements HolderOwner, PoolListener {
  readonly #options: ThreadTalkOptions;
  /** Programs of which it was told that their processes cannot be told apart, or that they leave requests unread. */
  readonly #anonymous = new WeakSet<Program>();
  readonly #silent = new WeakSet<Program>();

  constructor(options: ThreadTalkOptions) {
    this.#options = options;
  }

  /** See HolderOwner. */
  released({ slot }: LaneRow, { verdict, reason, lost }: Release): void {
    this.#options.onEvent({ type: 'released', slot, verdict, reason, lost });
  }

  /** See HolderOwner. */
  worked(worker: number): void {
    this.#options.onEvent({ type: 'worked', worker });
  }

  /** See HolderOwner. */
  known({ slot }: LaneRow, process: LaneProcess | null): void {
    this.#options.onEvent({ type: 'known', slot, process });
  }

  /** See HolderOwner. */
  lost({ slot, worker }: LaneRow, process: LaneProcess): void {
    const ending = this.#options.worker(worker)?.endOf(process) ?? null;
    const isOutOfMemory = ending?.end === 'memory';
    this.#options.onEvent({ type: 'lost', slot, process, exit: ending?.exit ?? null, isOutOfMemory });
  }

  /** See HolderOwner. */
  wanted(refused: number): void {
    this.#options.onEvent({ type: 'wanted', refused });
  }

  /** See HolderOwner. */
  foreign(_row: LaneRow, pid: number): void {
    tellForeign(this.#options.log, this.#options.state.name, pid);
  }

  /** See HolderOwner. */
  anonymous(program: Program): void {
    if (this.#anonymous.has(program)) return;
    this.#anonymous.add(program);
    tellAnonymous(this.#options.log, this.#options.state.name);
  }

  /** See HolderOwner. */
  straggled(pid: number, of: EndedRequest | null): void {
    tellStraggler(this.#options.log, this.#options.state.name, pid, of);
  }

  /** See HolderOwner. */
  silent(pid: number, program: Program, isResent: boolean): void {
    if (this.#silent.has(program)) return;
    this.#silent.add(program);
    tellSilence(this.#options.log, this.#options.state.name, pid, isResent);
  }

  /** See PoolListener. */
  threadSaid(index: number, message: FromThread): void {
    switch (message.type) {
      case 'released': {
        const row = this.#rowOf(message);
        if (row !== null && holderOf(row.word) === index) this.released(row, message);
        return;
      }
      case 'worked':
        this.worked(message.worker);
        return;
      case 'known': {
        const row = this.#rowOf(message);
        // What was said by an earlier holder says nothing of the connection that a later one has made.
        const isOf = row !== null && (holderOf(row.word) === index || holderOf(row.word) === nobody);
        if (isOf) this.#known(index, row, message);
        return;
      }
      case 'counted': {
        const process = this.#options.worker(message.worker)?.meet(message.pid);
        if (process === undefined) return;
        process.requests += message.requests;
        process.workedMs += message.workedMs;
        return;
      }
      case 'lost': {
        const row = this.#rowOf(message);
        const process = row === null ? undefined : this.#options.worker(row.worker)?.meet(message.pid);
        if (row !== null && process !== undefined) this.lost(row, process);
        return;
      }
      case 'foreign': {
        const row = this.#rowOf(message);
        const isEnded = row !== null && this.#options.worker(row.worker)?.endForeign(message.pid);
        if (isEnded) this.foreign(row, message.pid);
        return;
      }
      case 'anonymous':
        this.anonymous(this.#programOf(message.generation));
        return;
      case 'straggled':
        this.straggled(message.pid, message.of);
        return;
      case 'silent':
        this.silent(message.pid, this.#programOf(message.generation), message.isResent);
        return;
      case 'served':
        this.#options.onServed();
        return;
      case 'left':
        this.#options.onLeft(index);
        return;
    }
  }

  /** The process may have served in another thread before. */
  #known(index: number, row: LaneRow, { slot, tag, pid }: LaneName & { readonly pid: number }): void {
    const process = pid === 0 ? null : (this.#options.worker(row.worker)?.meet(pid) ?? null);
    this.known(row, process);
    if (process !== null && process.requests > 0) {
      const { requests, workedMs } = process;
      this.#options.send(index, { type: 'met', slot, tag, pid, requests, workedMs });
    }
  }

  /** null: another lane has its slot by now. */
  #rowOf({ slot, tag }: LaneName): LaneRow | null {
    const row = this.#options.state.board.row(slot);
    return tagOf(row.word) === tag && row.state !== 'gone' ? row : null;
  }

  #programOf(number: number): Program {
    const { generation, next } = this.#options.state;
    return next?.number === number ? next.program : generation.program;
  }
}
