// A front thread's end of a pool without lanes: the permits that it holds, its place in the waiting room, and what an operator asks of it.

import type { MessagePort } from 'node:worker_threads';
import type { Permits, PermitUser, QueueShare } from '../queue/permits.ts';
import type { QueueBooks } from '../queue/queue-books.ts';
import type { SharedRoom } from '../queue/queue-lines.ts';
import { SharedBooks } from '../queue/shared-books.ts';
import type { CellsMaker } from './lane-word.ts';
import { PermitBoard } from './permit-board.ts';
import { PermitHolder } from './permit-holder.ts';
import { type Bells, type BellsMaker, SharedBells, WaitingBoard, WaitingRoom } from './waiting-board.ts';

/** From the pool to a thread: what an operator wants. */
export type ToPermitThread =
  | { readonly type: 'drain'; readonly isDrained: boolean }
  | { readonly type: 'end-request'; readonly number: number };

/** From a thread to the pool: it holds nothing, and nothing runs in it. The last word. */
export type FromPermitThread = { readonly type: 'left' };

/** What threads share of one pool, and what one of them talks to the pool over. */
export interface PermitsShared {
  /** Of `permit-board.ts`, of `waiting-board.ts`, of the bells, and of the books of each thread. */
  readonly permits: SharedArrayBuffer;
  readonly waiting: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  readonly books: SharedArrayBuffer;
  readonly isDrained: boolean;
  readonly port: MessagePort;
}

/** What an operator may ask of a queue. */
export interface OperatedQueue {
  drain(isDrained: boolean): void;
  endRequest(number: number): boolean;
}

export class PermitThread implements QueueShare {
  readonly room: SharedRoom;
  readonly books: QueueBooks;
  readonly #shared: PermitsShared;
  readonly #index: number;
  readonly #board: PermitBoard;
  readonly #waiting: WaitingBoard;
  readonly #bells: Bells;
  #holder: PermitHolder | null = null;
  #isLeft = false;

  /** @param index from 1 @param cells and `bells`: for tests */
  constructor(shared: PermitsShared, index: number, cells?: CellsMaker, bells?: BellsMaker) {
    const books = new SharedBooks(shared.books);
    this.#shared = shared;
    this.#index = index;
    this.#board = new PermitBoard(shared.permits, cells);
    this.#waiting = new WaitingBoard(shared.waiting, cells);
    this.#bells = bells?.(shared.bells) ?? new SharedBells(shared.bells);
    this.books = books.of(index);
    const running = (other: number): number => books.of(other).counters.get('running');
    this.room = new WaitingRoom(this.#waiting, index, running, this.#board);
  }

  /** See QueueShare. */
  permitsFor(user: PermitUser): Permits {
    const ring = (other: number): void => this.#bells.ring(other);
    this.#holder = new PermitHolder({ index: this.#index, board: this.#board, waiting: this.#waiting, ring }, user);
    return this.#holder;
  }

  /** From now on its bell is heard, and what an operator asks of the queue. */
  open(queue: OperatedQueue): void {
    const { port, isDrained } = this.#shared;
    if (isDrained) queue.drain(true);
    port.on('message', (message: ToPermitThread) => {
      if (message.type === 'drain') queue.drain(message.isDrained);
      else queue.endRequest(message.number);
    });
    port.unref();
    this.#bells.listen(this.#index, () => this.look());
  }

  /** What is done when this thread's bell has been rung. */
  look(): void {
    if (!this.#isLeft) this.#holder?.look();
  }

  /** Its queue is closed: what it holds is given back. Repeatable. */
  leave(): void {
    if (this.#isLeft) return;
    this.#holder?.giveAll();
    this.#isLeft = true;
    this.#bells.close();
    this.#shared.port.postMessage({ type: 'left' } satisfies FromPermitThread);
    this.#shared.port.close();
  }
}
