// Whether a client that does not take all of its answer takes anything at all.
//
// A socket says that it takes more when a good part of what the system holds for it has gone: 0.8 MB of 2.5 MB on a fast network, for which a
// slow client needs longer than any limit. So one that seems to be stuck for half of its time is looked at closely, before it is said to be.

/** Tells how much of an answer the client has not taken; only changes matter. @param closely with what the system holds, which costs more to ask */
export type AskTaken = (closely: boolean) => number;

/** Watches one client. To be asked a few times within the limit. */
export class ClientWatch {
  #taken = 0;
  #takenClosely: number | null = null;
  /** How often it was looked at closely since, and had taken nothing. */
  #unchangedLooks = 0;
  #quietAtMs = 0;

  /** Something waits for the client from now on. */
  start(nowMs: number, ask: AskTaken): void {
    this.#taken = ask(false);
    this.#takenClosely = null;
    this.#unchangedLooks = 0;
    this.#quietAtMs = nowMs;
  }

  /** When the client will have taken nothing for so long, if it goes on so. */
  dueAtMs(timeoutMs: number): number {
    return this.#quietAtMs + timeoutMs;
  }

  /** Whether the client took nothing for so long. */
  isOverdue(nowMs: number, timeoutMs: number, ask: AskTaken): boolean {
    if (ask(false) !== this.#taken) {
      this.start(nowMs, ask);
      return false;
    }
    const quietMs = nowMs - this.#quietAtMs;
    if (quietMs < timeoutMs / 2) return false;
    const closely = ask(true);
    if (this.#takenClosely === null) {
      this.#takenClosely = closely;
      return false;
    }
    if (closely !== this.#takenClosely) {
      this.start(nowMs, ask);
      return false;
    }
    // Twice: where we ourselves stood still meanwhile, nobody could take anything, and the first look after it says nothing.
    this.#unchangedLooks += 1;
    return quietMs >= timeoutMs && this.#unchangedLooks >= 2;
  }
}
