// How many answers of each HTTP status were given. Pure.

/** Counts since the start. */
export class AnswerCounts {
  readonly #counts = new Uint32Array(600);

  /** @param status 100 to 599; others are not counted */
  count(status: number): void {
    if (status >= 100 && status < 600) this.#counts[status]! += 1;
  }

  /** "200" -> 12; only those that were given. */
  byStatus(): Record<string, number> {
    const given: Record<string, number> = {};
    this.#counts.forEach((count, status) => {
      if (count > 0) given[status] = count;
    });
    return given;
  }
}
