// Requests that wait for a lane: a bounded queue, first in, first out. Pure.

/** What can wait. The list links its members through them, so that waiting allocates nothing and leaving costs the same anywhere. */
export interface Waiter<Self> {
  /** Kept by the list, for its use alone. */
  nextWaiter: Self | null;
  previousWaiter: Self | null;
  isWaiting: boolean;
}

export class WaitList<Member extends Waiter<Member>> {
  #first: Member | null = null;
  #last: Member | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The one that has waited longest; null when nobody waits. */
  get first(): Member | null {
    return this.#first;
  }

  add(member: Member): void {
    member.isWaiting = true;
    member.nextWaiter = null;
    member.previousWaiter = this.#last;
    if (this.#last === null) this.#first = member;
    else this.#last.nextWaiter = member;
    this.#last = member;
    this.#length += 1;
  }

  /** Before all others: one that had its turn, and lost its lane to no fault of its own. */
  addFirst(member: Member): void {
    member.isWaiting = true;
    member.previousWaiter = null;
    member.nextWaiter = this.#first;
    if (this.#first === null) this.#last = member;
    else this.#first.previousWaiter = member;
    this.#first = member;
    this.#length += 1;
  }

  /** Takes one out, wherever it stands. @returns false when it does not wait */
  remove(member: Member): boolean {
    if (!member.isWaiting) return false;
    const { previousWaiter, nextWaiter } = member;
    if (previousWaiter === null) this.#first = nextWaiter;
    else previousWaiter.nextWaiter = nextWaiter;
    if (nextWaiter === null) this.#last = previousWaiter;
    else nextWaiter.previousWaiter = previousWaiter;
    member.nextWaiter = null;
    member.previousWaiter = null;
    member.isWaiting = false;
    this.#length -= 1;
    return true;
  }
}
