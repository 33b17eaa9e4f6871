// A list of attempts that links its members through them: those that wait, those that run. Pure.

/** What stands in a list. The list links its members through them, so that waiting allocates nothing and leaving costs the same anywhere. */
export interface Listed<Self> {
  /** Kept by the list, for its use alone. */
  next: Self | null;
  previous: Self | null;
  list: unknown;
}

export class AttemptList<Member extends Listed<Member>> {
  #first: Member | null = null;
  #last: Member | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The one that came first; null when there is none. */
  get first(): Member | null {
    return this.#first;
  }

  has(member: Member): boolean {
    return member.list === this;
  }

  add(member: Member): void {
    member.list = this;
    member.next = null;
    member.previous = this.#last;
    if (this.#last === null) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
    this.#length += 1;
  }

  /** Before all others: one that had its turn, and lost its seat to no fault of its own. */
  addFirst(member: Member): void {
    member.list = this;
    member.previous = null;
    member.next = this.#first;
    if (this.#first === null) this.#last = member;
    else this.#first.previous = member;
    this.#first = member;
    this.#length += 1;
  }

  /** Takes one out, wherever it stands. @returns false when it was not in this list */
  remove(member: Member): boolean {
    if (member.list !== this) return false;
    const { previous, next } = member;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    member.next = null;
    member.previous = null;
    member.list = null;
    this.#length -= 1;
    return true;
  }
}
