// What a holder of lanes is made from, what it knows of workers, and what it tells the pool.

import type { Clock } from '../clock.ts';
import type { EndedRequest } from '../connection/client-exchange.ts';
import type { Log } from '../log.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import type { QueueBooks } from '../queue/queue-books.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { Then } from '../queue/seat.ts';
import type { LaneEvents, LaneHandle } from '../worker/lane-handle.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Program } from '../worker/program.ts';
import type { LaneRow } from './lane-row.ts';
import { holderOf, nobody, stateOf, tagOf } from './lane-word.ts';
import type { LostRequest, RecycleLimits, Release } from './release.ts';
import type { LaneBoard } from './scoreboard.ts';
import type { WaitingBoard } from './waiting-board.ts';

/** A worker as a thread knows it: what makes its lanes there. */
export interface LaneSource {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly preforks: boolean;
  readonly limits: RecycleLimits;
  /** Another lane to it, not connected yet. */
  addLane(events: LaneEvents): LaneHandle;
}

/** What a holder tells the pool. */
export interface HolderOwner {
  /** A request has ended in a way that is more than "next, please", or on a lane that is to drain: the pool says what becomes of the lane. */
  released(row: LaneRow, release: Release): void;
  /** A worker has finished its first request here. */
  worked(worker: number): void;
  /** A lane has learnt which process it speaks with; null: it does not know it any more. @param left how often that one had worked */
  known(row: LaneRow, process: LaneProcess | null): void;
  /** A free lane's connection was closed by this process. */
  lost(row: LaneRow, process: LaneProcess): void;
  /** More requests wait, or were refused just now for want of a lane. */
  wanted(refused: number): void;
  foreign(row: LaneRow, pid: number): void;
  anonymous(program: Program): void;
  straggled(pid: number, of: EndedRequest | null): void;
  silent(pid: number, program: Program, isResent: boolean): void;
}

/** How often lanes that run are looked at in each thread, and their processes by the pool. */
export const lookMs = 250;

/** What a holder is made from. */
export interface HolderOptions {
  readonly name: string;
  /** The index of its thread. */
  readonly index: number;
  readonly limits: QueueLimits;
  readonly board: LaneBoard;
  readonly waiting: WaitingBoard;
  readonly books: QueueBooks;
  /** Requests that run in another thread. */
  readonly running: (index: number) => number;
  /** Has another thread look at the board. */
  readonly ring: (index: number) => void;
  readonly owner: HolderOwner;
  readonly clock: Clock;
  readonly log: Log;
}

/** A lane that is, or was, of use here. */
export interface Held {
  readonly lane: LaneHandle;
  readonly row: LaneRow;
  /** Which lane of its slot it is. */
  readonly tag: number;
  readonly worker: number;
  readonly source: LaneSource;
  /** The request that it has, or had last, until its row tells of it; null: it does. */
  request: CgiRequest | null;
}

/** The request that a lane has lost with its process; null: which process that was is not known. */
export function lostRequest({ lane, row, request }: Held, ranMs: number, then: Then): LostRequest | null {
  const { pid, exit, processEnd } = lane;
  const { method, url } = request ?? row;
  const isOutOfMemory = processEnd === 'memory';
  return pid > 0
    ? { pid, method, url, ranMs: Math.round(ranMs), exit, isOutOfMemory, isAgain: then === 'again' }
    : null;
}

/** Which process a lane speaks with, into its row. */
export function writeProcess({ row, source }: Held, process: LaneProcess | null): void {
  const { preforks, pid, startedAtMs } = source;
  row.pid = process?.pid ?? (preforks ? 0 : pid);
  row.startedAtMs = preforks && process !== null ? process.sinceMs : startedAtMs;
  row.requests = process?.requests ?? 0;
  row.workedMs = process?.workedMs ?? 0;
}

/** Whether nobody but this thread may write into its row. */
export function isOurs({ row, tag }: Held, own: number): boolean {
  const { word } = row;
  return tagOf(word) === tag && (holderOf(word) === own || holderOf(word) === nobody);
}

/** Whether it is the lane of its slot still, and its process not about to end. */
export function isLive({ row, tag }: Held): boolean {
  const { word } = row;
  return tagOf(word) === tag && stateOf(word) !== 'stopping' && stateOf(word) !== 'gone';
}
