// A client that does not take all of its answer at once: what is done with the rest, and how long it may take nothing.
//
//   flowing -> filling -> held -> spooling -> flowing
//
// flowing: the front takes all. filling: it asked to stop, and takes `answerBufferBytes` more, which wait in memory. held: the program waits.
// spooling: it has waited long enough for a slow client, and what it writes goes to disk, in front of which the client reads; where the disk is full,
// or the answer larger than may be kept, the program waits again, until the client has read all that is there.

import type { Clock, Timer } from '../clock.ts';
import { AnswerSpool, type AnswerSpools, type AnswerSpoolUser } from './answer-spool.ts';
import { ClientWatch } from './client-watch.ts';
import type { HttpAnswer } from './message.ts';

/** What an answer to a slow client may take of its site. */
export interface SlowClientLimits {
  /** How long it may take nothing; 0: no limit. */
  readonly writeTimeoutMs: number;
  readonly answerBufferBytes: number;
}

/** What the slow clients of a gateway share. */
export interface SlowClientShared {
  readonly site: SlowClientLimits;
  readonly answerSpools: AnswerSpools;
  readonly clock: Clock;
}

/** Who is told of it: a reply. */
export interface SlowClientOwner {
  /** Its producer may go on. */
  resume(): void;
  /** It has taken nothing for too long. */
  tooSlow(): void;
  /** All that was kept for it on disk has been sent. */
  emptied(): void;
  /** What was kept for it cannot be read again. */
  spoolFailed(error: unknown): void;
}

/** What a program is held in all before the disk takes its answer: a client that reads at all quickly is never worth a file. */
const patienceMs = 100;

type State = 'flowing' | 'filling' | 'held' | 'spooling';

const moves: Readonly<Record<State, readonly State[]>> = {
  flowing: ['filling'],
  filling: ['flowing', 'held', 'spooling'],
  held: ['flowing', 'spooling'],
  spooling: ['flowing'],
};

/** Of one reply; made when its client first does not take all, which most do. */
export class SlowClient implements AnswerSpoolUser {
  readonly #answer: HttpAnswer;
  readonly #shared: SlowClientShared;
  readonly #owner: SlowClientOwner;
  readonly #client = new ClientWatch();
  readonly #askTaken = (closely: boolean): number => this.#answer.taken(closely);
  #state: State = 'flowing';
  /** Bytes written since the front last asked to stop. */
  #unread = 0;
  #spool: AnswerSpool | null = null;
  /** Whether the producer was told to wait. */
  #isHeld = false;
  /** Looks at the client every now and then. */
  #watch: Timer | null = null;
  /** Since when the producer waits, and how long it did before. */
  #heldAtMs = 0;
  #heldMs = 0;

  constructor(answer: HttpAnswer, shared: SlowClientShared, owner: SlowClientOwner) {
    this.#answer = answer;
    this.#shared = shared;
    this.#owner = owner;
  }

  /** Whether the producer was told to wait. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  get isSpooling(): boolean {
    return this.#state === 'spooling';
  }

  /** Keeps bytes behind those that are kept. To be called while it is spooling. */
  keep(chunk: Uint8Array): void {
    this.#isHeld = !this.#spool!.add(chunk);
  }

  /** Nothing more will be kept: `emptied` is told when all was sent. */
  end(): void {
    this.#spool!.end();
  }

  /** The front has taken so many bytes of a program, and asks to stop. */
  filled(length: number): void {
    this.fill();
    this.#unread += length;
    if (this.#unread < this.#shared.site.answerBufferBytes) return;
    if (this.#heldMs >= patienceMs) this.#beginSpooling();
    else if (this.#state === 'filling') this.#hold();
  }

  /** The same of a producer that costs nothing while it waits: it waits at once. */
  passed(): void {
    this.fill();
    this.#isHeld = true;
  }

  /** The front asks to stop. */
  fill(): void {
    if (this.#state !== 'flowing') return;
    this.#move('filling');
    this.#client.start(this.#shared.clock.now(), this.#askTaken);
    this.#watch ??= this.#startWatch();
  }

  /** The front takes bytes again. */
  drained(): void {
    if (this.#state === 'spooling') this.#spool!.pump();
    else this.flow();
  }

  /** The client has all that there was. */
  flow(): void {
    if (this.#state === 'flowing') return;
    if (this.#state === 'held') this.#heldMs += this.#shared.clock.now() - this.#heldAtMs;
    this.#move('flowing');
    this.#unread = 0;
    this.#release();
  }

  /** It is not looked at any more, and nobody waits for it. */
  leave(): void {
    this.#watch?.cancel();
    this.#watch = null;
    this.#release();
  }

  /** The reply is over. */
  close(): void {
    this.#watch?.cancel();
    this.#watch = null;
    this.#spool?.close();
    this.#spool = null;
  }

  /** See AnswerSpoolUser. */
  take(bytes: Buffer): boolean {
    return this.#answer.write(bytes);
  }

  /** See AnswerSpoolUser. */
  spoolHasRoom(): void {
    this.#release();
  }

  /** See AnswerSpoolUser. */
  spoolFailed(error: unknown): void {
    this.#owner.spoolFailed(error);
  }

  /** See AnswerSpoolUser. */
  emptied(): void {
    this.#owner.emptied();
  }

  #hold(): void {
    this.#move('held');
    this.#isHeld = true;
    this.#heldAtMs = this.#shared.clock.now();
    this.#watch?.cancel();
    this.#watch = this.#startWatch();
  }

  #beginSpooling(): void {
    this.#spool ??= new AnswerSpool(this.#shared.answerSpools, this);
    this.#move('spooling');
    this.#release();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#owner.resume();
  }

  /** One timer, which is not stopped when the client reads on: it will have to be looked at again. */
  #startWatch(): Timer | null {
    const { clock, site } = this.#shared;
    const timeoutMs = site.writeTimeoutMs;
    const now = clock.now();
    let lookMs = Number.POSITIVE_INFINITY;
    const dueMs = this.#client.dueAtMs(timeoutMs) - now;
    if (timeoutMs > 0) lookMs = dueMs > 0 ? Math.min(timeoutMs / 4, dueMs) : timeoutMs / 4;
    if (this.#state === 'held') lookMs = Math.min(lookMs, this.#heldAtMs + patienceMs - this.#heldMs - now);
    return lookMs === Number.POSITIVE_INFINITY ? null : clock.after(Math.max(0, lookMs), () => this.#look());
  }

  #look(): void {
    this.#watch = null;
    if (this.#state === 'flowing') return;
    const { clock, site } = this.#shared;
    const now = clock.now();
    if (site.writeTimeoutMs > 0 && this.#client.isOverdue(now, site.writeTimeoutMs, this.#askTaken)) {
      this.#owner.tooSlow();
      return;
    }
    if (this.#state === 'held' && this.#heldMs + now - this.#heldAtMs >= patienceMs) this.#beginSpooling();
    this.#watch ??= this.#startWatch();
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to))
      throw new Error(`what waits for a client cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
