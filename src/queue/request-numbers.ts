// What running requests are called, so that an operator ends the one that was looked at, and no other. A request gets its number when it is first shown.

import type { Attempt } from './attempt.ts';

/** The numbers of one queue. Nothing is kept of a request that has ended, and a number never comes again. */
export class RequestNumbers {
  readonly #numbers = new WeakMap<Attempt, number>();
  #last: number;

  /** @param after no number is this, or lower */
  constructor(after = 0) {
    this.#last = after;
  }

  /** The number of a request, above all those that were given before. */
  of(attempt: Attempt): number {
    const known = this.#numbers.get(attempt);
    if (known !== undefined) return known;
    this.#last += 1;
    this.#numbers.set(attempt, this.#last);
    return this.#last;
  }

  /** The request with this number among these; null: it has ended. */
  find(attempts: Iterable<Attempt>, number: number): Attempt | null {
    for (const attempt of attempts) if (this.#numbers.get(attempt) === number) return attempt;
    return null;
  }
}
