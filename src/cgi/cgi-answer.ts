// The answer of one CGI program on its way to whoever asked: read as it comes, told its end once, and released once.

import { type ErrorCode, type PosternError, toPosternError } from '../errors.ts';
import { CgiOutput } from '../protocol/cgi/cgi-output.ts';
import type { SeatUser } from '../queue/seat.ts';

/** How much is kept of what a program first wrote to STDERR, for the reason of a failed start, and of what it wrote after its answer. */
export const MAX_KEPT_ERRORS = 1000;

export class CgiAnswer {
  readonly #output: CgiOutput;
  /** null once the request is over. */
  #user: SeatUser | null;
  /** Whether the user was told the end, or wants to hear no more. */
  #isTold = false;
  #isAborted = false;
  #isWhole = false;
  /** Why it failed. */
  #code: ErrorCode | null = null;
  #flush: NodeJS.Immediate | null = null;
  #firstErrors = '';
  #lateErrors = '';

  constructor(user: SeatUser) {
    this.#user = user;
    this.#output = new CgiOutput({
      head: (head) => this.#user?.head(head),
      write: (chunk) => this.#user?.write(chunk) ?? true,
    });
  }

  get isTold(): boolean {
    return this.#isTold;
  }

  /** Whether all of it came, and was an answer. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get isReleased(): boolean {
    return this.#user === null;
  }

  /** Whether its head was read. */
  get isInBody(): boolean {
    return this.#output.isInBody;
  }

  /** Whether the program's own framing says that all of it came. */
  get isKnownWhole(): boolean {
    return this.#output.isKnownWhole;
  }

  /** What the program first wrote to STDERR, and what it wrote when nobody listened any more. Byte strings. */
  get errors(): { readonly first: string; readonly late: string } {
    return { first: this.#firstErrors, late: this.#lateErrors };
  }

  /** Takes bytes of STDOUT. @returns whether more may come now @throws ANSWER_INVALID */
  read(chunk: Buffer): boolean {
    const mayGoOn = this.#output.push(chunk);
    this.#flush ??= setImmediate(() => {
      this.#flush = null;
      this.#user?.flush();
    });
    return mayGoOn;
  }

  /** Takes bytes of STDERR. */
  readErrors(chunk: Buffer): void {
    const text = (length: number): string => chunk.toString('latin1', 0, Math.max(0, MAX_KEPT_ERRORS - length));
    this.#firstErrors += text(this.#firstErrors.length);
    if (this.#user !== null && !this.#isTold) this.#user.stderr(chunk);
    else this.#lateErrors += text(this.#lateErrors.length);
  }

  /** All of it came: that is its end, unless it is no answer. */
  finish(): void {
    if (this.#isTold) return;
    try {
      this.#output.end();
    } catch (error) {
      this.fail(toPosternError(error));
      return;
    }
    this.#isTold = true;
    this.#isWhole = true;
    this.#user?.end();
  }

  fail(error: PosternError): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#code = error.code;
    this.#user?.fail(error);
  }

  /** The client left. */
  abort(): void {
    this.#isTold = true;
    this.#isAborted = true;
    this.#code = 'ABORTED';
  }

  /** The request was taken away: its user is called no more. */
  drop(): void {
    this.#user = null;
    this.#isTold = true;
  }

  /** The request is over. */
  release(): void {
    if (this.#flush !== null) clearImmediate(this.#flush);
    const user = this.#user;
    this.#user = null;
    user?.released({ code: this.#code, isDone: this.#code === null, isAborted: this.#isAborted });
  }
}
