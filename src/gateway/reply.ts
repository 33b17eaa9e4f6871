// The way back of one request: counts what is answered, holds it for a slow reader, gives that reader a limit, and says how it ended.
//
//   flowing -> filling -> held -> spooling -> flowing ; any -> answered -> over
//
// flowing: the front takes all. filling: it asked to stop, and takes `answerBufferBytes` more, which wait in memory. held: the program waits.
// spooling: it has waited long enough for a slow client, and what it writes goes to disk, in front of which the client reads; where the disk is full,
// or the answer larger than may be kept, the program waits again, until the client has read all that is there. answered: the client has all that
// Content-Length told, and its connection is free, though the program works on.

import type { Clock, Timer } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { AnswerSpool, type AnswerSpools, type AnswerSpoolUser } from './answer-spool.ts';
import { ClientWatch } from './client-watch.ts';
import { errorAnswer } from './error-page.ts';
import type { AnswerListener, AnswerManner, HttpAnswer } from './message.ts';

/** What a reply needs of its site. */
export interface ReplyLimits {
  readonly writeTimeoutMs: number;
  readonly answerBufferBytes: number;
}

/** What the replies of a gateway share. */
export interface ReplyShared {
  readonly site: ReplyLimits;
  readonly answerSpools: AnswerSpools;
  readonly clock: Clock;
}

/** How a reply ended. */
export type Outcome = 'complete' | 'gone' | 'aborted';

/** The one who is asked about a reply's ends. */
export interface ReplyOwner {
  /** It is over; called once. `error` is what was answered or aborted with. */
  onOver(outcome: Outcome, error: PosternError | null): void;
  /** Whether the owner answers in place of our own page; it has begun to, then. */
  replaces(error: PosternError): boolean;
}

/** Whoever makes the body of a reply: a program's exchange, a file. */
export interface Producer {
  /** Writing may go on, after `write` returned false. */
  resume(): void;
  /** The client has gone, or does not read: nothing more is wanted. */
  abort(): void;
}

/** What a program is held in all before the disk takes its answer: a client that reads at all quickly is never worth a file. */
const patienceMs = 100;

type State = 'flowing' | 'filling' | 'held' | 'spooling' | 'answered' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  flowing: ['filling', 'answered', 'over'],
  filling: ['flowing', 'held', 'spooling', 'answered', 'over'],
  held: ['flowing', 'spooling', 'answered', 'over'],
  spooling: ['flowing', 'over'],
  answered: ['over'],
  over: [],
};

/** One reply. */
export class Reply implements AnswerListener, AnswerSpoolUser {
  /** Who is told to go on, or to stop; set by the producer's owner. */
  producer: Producer | null = null;
  /** The final status; 0 before it was sent. */
  status = 0;
  /** Bytes of the body that were passed on. */
  bytes = 0;
  /** Bytes of the body that its program told ahead. */
  #wholeBytes = Number.POSITIVE_INFINITY;
  readonly #answer: HttpAnswer;
  readonly #requestHeaders: readonly string[];
  readonly #shared: ReplyShared;
  readonly #owner: ReplyOwner;
  #state: State = 'flowing';
  /** Bytes written since the front last asked to stop. */
  #unread = 0;
  #spool: AnswerSpool | null = null;
  /** Whether the producer was told to wait. */
  #isHeld = false;
  /** Whether the producer's answer is whole, though not all of it was passed on. */
  #hasEnded = false;
  /** Looks at a client that does not take all, every now and then. */
  #watch: Timer | null = null;
  /** Since when the producer waits, and how long it did before. */
  #heldAtMs = 0;
  #heldMs = 0;
  /** null until it has not taken all at once: most clients do. */
  #client: ClientWatch | null = null;
  readonly #askTaken = (closely: boolean): number => this.#answer.taken(closely);

  constructor(answer: HttpAnswer, requestHeaders: readonly string[], shared: ReplyShared, owner: ReplyOwner) {
    this.#answer = answer;
    this.#requestHeaders = requestHeaders;
    this.#shared = shared;
    this.#owner = owner;
    answer.listener = this;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** See AnswerListener. */
  get writeTimeoutMs(): number {
    return this.#shared.site.writeTimeoutMs;
  }

  /** A 1xx answer before the real one. */
  inform(status: number, headers: readonly string[]): void {
    if (this.#state !== 'over' && this.status === 0) this.#answer.head(status, headers);
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (this.#state === 'over') return;
    this.status = status;
    const made = manner?.made;
    if (made === undefined) this.#wholeBytes = lengthOf(status, headers);
    else {
      made.bodyBytes ??= lengthOf(status, headers);
      this.#wholeBytes = made.bodyBytes;
    }
    this.#answer.head(status, headers, manner);
  }

  /**
   * @returns false when no more should come until the producer is told `resume`. That is later than the front says it: what a slow client has
   * not read yet may wait in memory and on disk, so that most programs are done and free before their readers are.
   */
  write(chunk: Uint8Array): boolean {
    if (this.#state === 'over' || this.#state === 'answered') return true;
    this.bytes += chunk.length;
    if (this.#state === 'spooling') this.#isHeld = !this.#spool!.add(chunk);
    else if (!this.#answer.write(chunk)) this.#filled(chunk.length);
    return !this.#isHeld;
  }

  /** As `write`, for a producer that costs nothing while it waits, a file: what the client has not read is not kept elsewhere. */
  pass(chunk: Uint8Array): boolean {
    if (this.#state === 'over') return true;
    this.bytes += chunk.length;
    if (this.#answer.write(chunk)) return true;
    this.#fill();
    this.#isHeld = true;
    return false;
  }

  /** As `pass`, for bytes that nobody will change. */
  passLasting(bytes: Buffer): boolean {
    if (this.#answer.writeLasting === undefined || this.#state === 'over') return this.pass(bytes);
    this.bytes += bytes.length;
    if (this.#answer.writeLasting(bytes)) return true;
    this.#fill();
    this.#isHeld = true;
    return false;
  }

  /** Nothing more is at hand now. */
  flush(): void {
    // What is kept goes first, and is flushed at its end.
    if (this.#state === 'over' || this.#state === 'spooling' || this.#state === 'answered') return;
    // Looked at here and not after each write: an end that comes with the last byte is no program that works on.
    if (this.bytes >= this.#wholeBytes) this.#answered();
    else if (!this.#answer.flush()) this.#fill();
  }

  end(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'spooling') {
      this.#hasEnded = true;
      this.#spool!.end();
      return;
    }
    if (this.#state !== 'answered') this.#answer.end();
    this.#finish('complete', null);
  }

  /** A whole answer without a body of any size. */
  answer(status: number, headers: readonly string[]): void {
    this.head(status, headers);
    this.end();
  }

  /** The request cannot be answered: an error page, or where a head was sent, an aborted answer. */
  fail(error: PosternError): void {
    if (this.#state === 'over') return;
    if (this.#state === 'answered') {
      this.#finish('complete', error);
      return;
    }
    if (this.status !== 0) {
      this.#answer.abort(error);
      this.#finish('aborted', error);
      return;
    }
    if (this.#owner.replaces(error)) return;
    const { status, headers, body } = errorAnswer(error, this.#requestHeaders);
    this.status = status;
    this.bytes = body.length;
    this.#answer.head(status, headers);
    this.#answer.write(body);
    this.#answer.end();
    this.#finish('complete', error);
  }

  /** See AnswerListener. */
  drained(): void {
    if (this.#state === 'spooling') this.#spool!.pump();
    else if (this.#state !== 'over' && this.#state !== 'answered') this.#flow();
  }

  /** See AnswerListener. */
  gone(error: PosternError | null = null): void {
    this.#finish(error === null ? 'gone' : 'aborted', error);
  }

  // What the spool says.

  take(bytes: Buffer): boolean {
    return this.#answer.write(bytes);
  }

  spoolHasRoom(): void {
    this.#release();
  }

  spoolFailed(error: unknown): void {
    this.fail(toPosternError(error));
  }

  emptied(): void {
    if (this.#hasEnded) {
      this.#answer.end();
      this.#finish('complete', null);
      return;
    }
    this.#flow();
    this.flush();
  }

  /** The client has the whole answer, and may ask for more; the program works on, and nobody reads what it still writes. */
  #answered(): void {
    this.#answer.end();
    // It could not be sent.
    if (this.isOver) return;
    this.#move('answered');
    this.#watch?.cancel();
    this.#watch = null;
    this.#release();
  }

  // A client that does not take all.

  /** The front has taken bytes of a program, and asks to stop. */
  #filled(length: number): void {
    this.#fill();
    this.#unread += length;
    if (this.#unread < this.#shared.site.answerBufferBytes) return;
    if (this.#heldMs >= patienceMs) this.#beginSpooling();
    else if (this.#state === 'filling') this.#hold();
  }

  #fill(): void {
    if (this.#state !== 'flowing') return;
    this.#move('filling');
    this.#client ??= new ClientWatch();
    this.#client.start(this.#shared.clock.now(), this.#askTaken);
    this.#watch ??= this.#startWatch();
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

  #flow(): void {
    if (this.#state === 'flowing') return;
    if (this.#state === 'held') this.#heldMs += this.#shared.clock.now() - this.#heldAtMs;
    this.#move('flowing');
    this.#unread = 0;
    this.#release();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.producer?.resume();
  }

  /** One timer, which is not stopped when the client reads on: it will have to be looked at again. */
  #startWatch(): Timer | null {
    const { clock, site } = this.#shared;
    const timeoutMs = site.writeTimeoutMs;
    const now = clock.now();
    let lookMs = Number.POSITIVE_INFINITY;
    const dueMs = this.#client!.dueAtMs(timeoutMs) - now;
    if (timeoutMs > 0) lookMs = dueMs > 0 ? Math.min(timeoutMs / 4, dueMs) : timeoutMs / 4;
    if (this.#state === 'held') lookMs = Math.min(lookMs, this.#heldAtMs + patienceMs - this.#heldMs - now);
    return lookMs === Number.POSITIVE_INFINITY ? null : clock.after(Math.max(0, lookMs), () => this.#look());
  }

  #look(): void {
    this.#watch = null;
    if (this.#state === 'flowing' || this.#state === 'answered' || this.#state === 'over') return;
    const { clock, site } = this.#shared;
    const now = clock.now();
    if (site.writeTimeoutMs > 0 && this.#client!.isOverdue(now, site.writeTimeoutMs, this.#askTaken)) {
      this.#tooSlow();
      return;
    }
    if (this.#state === 'held' && this.#heldMs + now - this.#heldAtMs >= patienceMs) this.#beginSpooling();
    this.#watch ??= this.#startWatch();
  }

  #tooSlow(): void {
    const error = new PosternError('ABORTED', `the client took no more of its answer for ${this.writeTimeoutMs} ms`);
    this.#answer.abort(error);
    this.#finish('aborted', error);
  }

  #finish(outcome: Outcome, error: PosternError | null): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#watch?.cancel();
    this.#watch = null;
    this.#spool?.close();
    this.#spool = null;
    const { producer } = this;
    this.producer = null;
    if (outcome !== 'complete') producer?.abort();
    this.#owner.onOver(outcome, error);
  }

  #move(to: State): void {
    const isUsual = this.#state === 'flowing' && to === 'over';
    if (!isUsual && !moves[this.#state].includes(to)) throw new Error(`a reply cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** The length that an answer tells of its body; infinite where it tells none. */
function lengthOf(status: number, headers: readonly string[]): number {
  if (status === 204 || status === 205 || status === 304) return 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, 'content-length') && /^\d{1,15}$/.test(headers[i + 1]!)) return Number(headers[i + 1]);
  }
  return Number.POSITIVE_INFINITY;
}
