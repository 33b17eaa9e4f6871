// The way back of one request: what its program answers, which may turn into a redirect inside the server or a file sent in its place; and the reply, which
// counts what is answered and says how it ended. What a slow client does not take is held by `slow-client.ts`.
//
//   open -> answered -> over ; open -> over
//
// answered: the client has all that Content-Length told, and its connection is free, though the program works on.

import { PosternError, toPosternError } from '../errors.ts';
import { localRedirectOf } from '../protocol/cgi/cgi-head.ts';
import type { CgiHead, CgiSink } from '../protocol/cgi/exchange.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { errorAnswer } from './error-page.ts';
import type { AnswerListener, AnswerManner, HttpAnswer } from './message.ts';
import { type FileName, takeServerFields } from './server-fields.ts';
import { SlowClient, type SlowClientOwner, type SlowClientShared } from './slow-client.ts';

/** What an answer may turn into. */
export interface AnswerOwner {
  /** The head of its answer has come. */
  onHead(headers: readonly string[]): void;
  /** The program has ended, and wants this path run in its place. */
  onLocalRedirect(target: string): void;
  /** The program has ended, and wants this file sent with these fields. */
  onSendfile(name: FileName, headers: readonly string[]): void;
  /** Lines of its header that are no fields and were left out. Byte strings. */
  onLostLines(lines: readonly string[]): void;
  /** Whether an empty answer of that status is answered in its place, by `onEmpty`. */
  isForDeveloper(status: number): boolean;
  /** The program has ended, and said nothing but this status. */
  onEmpty(status: number): void;
  /** Bytes of STDERR; lent. */
  onStderr(chunk: Uint8Array): void;
  /** The program has ended, well or not. Called once, before anything else that its end leads to. */
  onProgramEnd(): void;
}

/** Takes one program's answer. */
export class ProgramAnswer implements CgiSink {
  readonly #reply: Reply;
  readonly #owner: AnswerOwner;
  /** What is done at the end in place of this answer; its body is not wanted then. */
  #instead: (() => void) | null = null;
  /** A head whose body decides whether it is sent. */
  #held: CgiHead | null = null;
  #hasEnded = false;

  constructor(reply: Reply, owner: AnswerOwner) {
    this.#reply = reply;
    this.#owner = owner;
  }

  /** Whether `end` or `fail` was called. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  head(head: CgiHead): void {
    const { made } = head;
    if (made?.isPlain === true && !this.#owner.isForDeveloper(head.status)) {
      this.#owner.onHead(head.headers);
      this.#reply.head(head.status, head.headers, head);
      return;
    }
    const { headers, name } = takeServerFields(head.headers);
    if (head.lostLines !== undefined) this.#owner.onLostLines(head.lostLines);
    if (head.status < 200) {
      this.#reply.inform(head.status, headers);
      return;
    }
    this.#owner.onHead(headers);
    const redirect = localRedirectOf(head);
    if (made !== undefined) made.isPlain = redirect === null && headers === head.headers;
    if (redirect !== null) this.#instead = () => this.#owner.onLocalRedirect(redirect);
    else if (name !== null) this.#instead = () => this.#owner.onSendfile(name, headers);
    else if (this.#owner.isForDeveloper(head.status)) this.#held = { ...head, headers };
    else this.#reply.head(head.status, headers, head);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#held !== null) this.#release();
    return this.#instead === null ? this.#reply.write(chunk) : true;
  }

  flush(): void {
    if (this.#instead === null && this.#held === null) this.#reply.flush();
  }

  end(): void {
    this.#hasEnded = true;
    this.#owner.onProgramEnd();
    if (this.#held !== null) this.#owner.onEmpty(this.#held.status);
    else if (this.#instead === null) this.#reply.end();
    else this.#instead();
  }

  fail(error: PosternError): void {
    this.#hasEnded = true;
    this.#held = null;
    this.#owner.onProgramEnd();
    this.#reply.fail(error);
  }

  stderr(chunk: Uint8Array): void {
    this.#owner.onStderr(chunk);
  }

  #release(): void {
    const head = this.#held!;
    this.#held = null;
    this.#reply.head(head.status, head.headers, head);
  }
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

type State = 'open' | 'answered' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  open: ['answered', 'over'],
  answered: ['over'],
  over: [],
};

/** One reply. */
export class Reply implements AnswerListener, SlowClientOwner {
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
  readonly #shared: SlowClientShared;
  readonly #owner: ReplyOwner;
  #state: State = 'open';
  /** Whether the producer's answer is whole, though not all of it was passed on. */
  #hasEnded = false;
  /** null until it has not taken all at once: most clients do. */
  #slow: SlowClient | null = null;

  constructor(answer: HttpAnswer, requestHeaders: readonly string[], shared: SlowClientShared, owner: ReplyOwner) {
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
    if (this.#slow?.isSpooling === true) this.#slow.keep(chunk);
    else if (!this.#answer.write(chunk)) this.#slowClient().filled(chunk.length);
    return this.#slow === null || !this.#slow.isHeld;
  }

  /** As `write`, for a producer that costs nothing while it waits, a file: what the client has not read is not kept elsewhere. */
  pass(chunk: Uint8Array): boolean {
    if (this.#state === 'over') return true;
    this.bytes += chunk.length;
    if (this.#answer.write(chunk)) return true;
    this.#slowClient().passed();
    return false;
  }

  /** As `pass`, for bytes that nobody will change. */
  passLasting(bytes: Buffer): boolean {
    if (this.#answer.writeLasting === undefined || this.#state === 'over') return this.pass(bytes);
    this.bytes += bytes.length;
    if (this.#answer.writeLasting(bytes)) return true;
    this.#slowClient().passed();
    return false;
  }

  /** Nothing more is at hand now. */
  flush(): void {
    // What is kept goes first, and is flushed at its end.
    if (this.#state !== 'open' || this.#slow?.isSpooling === true) return;
    // Looked at here and not after each write: an end that comes with the last byte is no program that works on.
    if (this.bytes >= this.#wholeBytes) this.#answered();
    else if (!this.#answer.flush()) this.#slowClient().fill();
  }

  end(): void {
    if (this.#state === 'over') return;
    if (this.#slow?.isSpooling === true) {
      this.#hasEnded = true;
      this.#slow.end();
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
    if (this.#state === 'open') this.#slow?.drained();
  }

  /** See AnswerListener. */
  gone(error: PosternError | null = null): void {
    this.#finish(error === null ? 'gone' : 'aborted', error);
  }

  /** See SlowClientOwner. */
  resume(): void {
    this.producer?.resume();
  }

  /** See SlowClientOwner. */
  tooSlow(): void {
    const message = `the client took no more of its answer for ${this.writeTimeoutMs} ms: see writeTimeout`;
    const error = new PosternError('ABORTED', message, { limit: 'writeTimeout' });
    this.#answer.abort(error);
    this.#finish('aborted', error);
  }

  /** See SlowClientOwner. */
  spoolFailed(error: unknown): void {
    this.fail(toPosternError(error));
  }

  /** See SlowClientOwner. */
  emptied(): void {
    if (this.#hasEnded) {
      this.#answer.end();
      this.#finish('complete', null);
      return;
    }
    this.#slow!.flow();
    this.flush();
  }

  #slowClient(): SlowClient {
    this.#slow ??= new SlowClient(this.#answer, this.#shared, this);
    return this.#slow;
  }

  /** The client has the whole answer, and may ask for more; the program works on, and nobody reads what it still writes. */
  #answered(): void {
    this.#answer.end();
    // It could not be sent.
    if (this.isOver) return;
    this.#move('answered');
    this.#slow?.leave();
  }

  #finish(outcome: Outcome, error: PosternError | null): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#slow?.close();
    const { producer } = this;
    this.producer = null;
    if (outcome !== 'complete') producer?.abort();
    this.#owner.onOver(outcome, error);
  }

  #move(to: State): void {
    const isUsual = this.#state === 'open' && to === 'over';
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
