// A request for a lane, which a test finishes by hand.

import type { PosternError } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { Ticket } from '../../src/pool/ticket.ts';
import type { Lane, LaneOutcome } from '../../src/worker/lane.ts';

/** The outcome of a request that went well. */
export const answered: LaneOutcome = { code: null, isDone: true, isAborted: false };

export class FakeTicket implements Ticket {
  readonly method = 'GET';
  readonly url: string;
  nextWaiter: Ticket | null = null;
  previousWaiter: Ticket | null = null;
  isWaiting = false;
  waitingSinceMs = 0;
  waitUntilMs = 0;
  lane: Lane | null = null;
  waitedMs = 0;
  error: PosternError | null = null;
  readonly #pool: Pool;

  constructor(pool: Pool, url = '/') {
    this.#pool = pool;
    this.url = url;
  }

  /** "waiting", "running", the code of its error, or "done". */
  get state(): string {
    if (this.isWaiting) return 'waiting';
    if (this.lane !== null) return 'running';
    return this.error?.code ?? 'done';
  }

  granted(lane: Lane, waitedMs: number): void {
    this.lane = lane;
    this.waitedMs = waitedMs;
  }

  refused(error: PosternError): void {
    this.error = error;
  }

  expired(error: PosternError): void {
    this.lane = null;
    this.error = error;
  }

  tick(): void {}

  /** Its lane is given back. */
  finish(outcome: LaneOutcome = answered): void {
    const { lane } = this;
    this.lane = null;
    if (lane !== null) this.#pool.desk.release(lane, outcome);
  }

  /** Its lane is given back, and it asks for another. */
  retry(outcome: LaneOutcome): void {
    const { lane } = this;
    this.lane = null;
    if (lane !== null) this.#pool.desk.retry(lane, outcome);
  }
}
