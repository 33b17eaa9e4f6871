// The permits that one thread of a pool holds: it gives them to the thread's requests without asking anybody, and passes them on by `leases.ts`.

import type { Permits, PermitUser } from '../queue/permits.ts';
import { readProcessStat } from '../worker/process-table.ts';
import { freeLane, holderOf, nobody, stateOf, takeLane, takerOf } from './lane-word.ts';
import { Leases } from './leases.ts';
import { endPermit, type PermitBoard, type PermitWord } from './permit-board.ts';
import { SecondLook } from './second-look.ts';
import { poolThread } from './thread-owner.ts';
import type { WaitingBoard } from './waiting-board.ts';

/** What one thread's are made from. */
export interface PermitHolderOptions {
  /** The index of its thread. */
  readonly index: number;
  readonly board: PermitBoard;
  readonly waiting: WaitingBoard;
  /** Has another thread look at the board. */
  readonly ring: (index: number) => void;
}

export class PermitHolder implements Permits {
  readonly #index: number;
  readonly #board: PermitBoard;
  readonly #waiting: WaitingBoard;
  readonly #leases: Leases<PermitWord>;
  readonly #user: PermitUser;
  readonly #secondLook: SecondLook;
  /** Those that a request has left, the last one on top: its connection was used last. */
  readonly #used: PermitWord[] = [];
  /** Whether some were asked for, for a request that is about to wait and those before it: they may be there to be taken at once. */
  #hasAsked = false;

  constructor({ index, board, waiting, ring }: PermitHolderOptions, user: PermitUser) {
    this.#index = index;
    this.#board = board;
    this.#waiting = waiting;
    const { clock } = user;
    this.#leases = new Leases({ own: index, board, waiting, ring, clock });
    this.#user = user;
    this.#secondLook = new SecondLook(clock, user, () => this.#lookAgain());
  }

  /** See Permits. */
  take(): PermitWord | null {
    for (let row = this.#used.pop(); row !== undefined; row = this.#used.pop())
      if (takeLane(row, this.#index)) return row;
    return this.#leases.find(() => true);
  }

  /** See Permits. It goes to whoever has waited longest, and else stays. */
  giveBack(permit: PermitWord, isKept: boolean): void {
    const user = this.#user;
    const heir = this.#leases.heir(user.queue.waitingSinceMs, isKept ? this.#secondLook.mostWaiting : null);
    if (heir !== nobody) user.closeKept(this.#held().length - 1);
    for (;;) {
      // It was taken from a thread that is given up.
      if (!this.#runsWith(permit)) return;
      if (isKept) permit.noteFree(user.clock.now());
      const isDone = heir === nobody ? freeLane(permit, this.#index, isKept) : this.#leases.pass(permit, heir);
      if (isDone) break;
      // First: where there are more permits again, another takes this one at once.
      user.closeKept(this.#held().length - 1);
      if (!endPermit(permit)) continue;
      return;
    }
    if (heir !== nobody) return;
    this.#used.push(permit);
    // Whoever began to wait since was not seen before, and did not see the permit. Who sees one that is held looks again.
    if (!isKept && user.queue.waiting === 0 && this.#waiting.isWaitedElsewhere(this.#index)) this.match();
  }

  /** See Permits. */
  putBack(permit: PermitWord): void {
    while (this.#runsWith(permit)) if (freeLane(permit, this.#index, false) || endPermit(permit)) break;
    this.#leases.match();
  }

  /** See Permits. */
  runs(permit: PermitWord, pid: number): void {
    // Of the pool's own thread nobody asks: the service ends with it.
    const isAsked = pid !== 0 && this.#index !== poolThread;
    permit.runs(pid, isAsked ? (readProcessStat(pid)?.startTicks ?? 0) | 0 : 0);
  }

  /** See Permits. */
  wanted(waiting: number): void {
    if (waiting > 0) this.match();
    if (this.#hasAsked) this.serve();
    this.#hasAsked = false;
    if (!this.#waiting.isAlone) this.#secondLook.wait();
  }

  /** See Permits. */
  isComing(beyond: number): boolean {
    this.#hasAsked = true;
    return this.#leases.ask(beyond);
  }

  /** See Permits. How many there are is the pool's to say, for all threads. */
  use(): void {}

  /** Looks at the board, since somebody has rung: lets go of what others want, takes what is kept for us, and passes on what is not needed. */
  look(): void {
    const held = this.#held();
    const wanted = held.filter(({ word }) => isWanted(word, this.#index));
    this.#user.closeKept(held.length - wanted.length);
    for (const row of wanted) this.#leases.letGo(row);
    this.serve();
    this.match();
    if (!this.#waiting.isAlone) this.#secondLook.wait();
  }

  /** Brings free permits and those that wait in any thread together. */
  match(): void {
    if (this.#leases.match()) this.serve();
  }

  /** Serves those that wait here, and gives up what is kept for more than those. */
  serve(): void {
    do this.#user.queue.serve();
    while (this.#leases.decline() && this.#leases.match());
  }

  /** Gives back all with which nothing runs. The last that it does. */
  giveAll(): void {
    this.#secondLook.close();
    const running = this.#held().filter(({ word }) => stateOf(word) === 'busy' || stateOf(word) === 'draining').length;
    this.#user.closeKept(running);
    for (const row of this.#held()) this.#leases.letGo(row);
    this.#used.length = 0;
    this.match();
  }

  #lookAgain(): void {
    this.#waiting.noteAgain(this.#index, this.#user.queue);
    this.match();
  }

  /** Whether it is ours, and has not been given back: it may have been taken from us. */
  #runsWith({ word }: PermitWord): boolean {
    return holderOf(word) === this.#index && (stateOf(word) === 'busy' || stateOf(word) === 'draining');
  }

  #held(): PermitWord[] {
    return this.#board.rows.filter(({ word }) => stateOf(word) !== 'gone' && holderOf(word) === this.#index);
  }
}

/** Whether its holder is to let go of it. */
function isWanted(word: number, holder: number): boolean {
  if (stateOf(word) === 'stopping') return true;
  return stateOf(word) === 'idle' && takerOf(word) !== nobody && takerOf(word) !== holder;
}
