// How the end of an answer's body is told to a client (RFC 9112, section 6.3; RFC 9110, section 8.6), for every front; and the head of an
// answer in HTTP/1.1 (RFC 9112, section 4). Pure.
//
//   no body at all       HEAD, 204, 205, 304: what the program writes is dropped
//   Content-Length       declared, or known since the answer ended before anything was passed on
//   chunks               HTTP/1.1, length not known
//   the connection ends  HTTP/1.0, length not known

import { isNamed } from './headers.ts';
import { reasonFor, reasonPhrases } from './reason-phrases.ts';

/** Whether the status allows a Content-Length: 204 has none (RFC 9110, 8.6), and a program's own is dropped with 205's body. */
export function mayHaveLength(status: number): boolean {
  return status !== 204 && status !== 205;
}

/** Holds the body of one answer against its framing. */
export class AnswerFraming {
  /** Whether the client gets a body. */
  readonly hasBody: boolean;
  /** Bytes that were taken. */
  #length = 0;
  #declaredLength: number;
  readonly #isOld: boolean;
  readonly #isEmpty: boolean;
  #isCutShort = false;

  /**
   * @param version "1.0", or a later one
   * @param declaredLength Content-Length as the program declared it; -1: it did not
   */
  constructor(method: string, version: string, status: number, declaredLength: number) {
    this.#isEmpty = status === 205;
    this.hasBody = mayHaveLength(status) && status !== 304 && method !== 'HEAD';
    this.#declaredLength = this.hasBody ? declaredLength : -1;
    this.#isOld = version === '1.0';
  }

  /** How many of so many bytes belong to the body: no more than were declared. */
  take(count: number): number {
    if (!this.hasBody) return 0;
    let taken = count;
    if (this.#declaredLength !== -1 && this.#length + count > this.#declaredLength) {
      taken = this.#declaredLength - this.#length;
      this.#isCutShort = true;
    }
    this.#length += taken;
    return taken;
  }

  /** Whether an end now would leave the body shorter than was declared: then the answer is aborted. */
  get isShort(): boolean {
    return this.#length < this.#declaredLength;
  }

  /** Whether more was written than was declared: its program is in error, and the connection ends after the answer. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Whether a length is known, or none needed. */
  get hasLength(): boolean {
    return !this.hasBody || this.#declaredLength !== -1;
  }

  /** Whether chunks tell the end. */
  get isChunked(): boolean {
    return !this.hasLength && !this.#isOld;
  }

  /** Whether the end of the connection tells it. */
  get isUntilClose(): boolean {
    return !this.hasLength && this.#isOld;
  }

  /**
   * The head is passed on now.
   * @param isWhole whether the body has ended already
   * @returns the Content-Length that is to be added to it; -1: none is
   */
  lengthToAdd(isWhole: boolean): number {
    // Without it the client of a 205 waits for its body (RFC 9110, 15.3.6).
    if (this.#isEmpty) return 0;
    if (this.hasLength || !isWhole) return -1;
    this.#declaredLength = this.#length;
    return this.#length;
  }
}

/** The head of an answer but for the lines that its framing adds and the empty line at its end. */
export interface AnswerHead {
  readonly text: string;
  /** The fields that it was made of. */
  readonly headers: readonly string[];
  /** From Content-Length among the headers; -1: there is none. */
  readonly declaredLength: number;
  /** Whether Date is among the headers. */
  readonly hasDate: boolean;
}

/** The same in HTTP/2. */
export interface FieldsBlock {
  /** In HPACK. */
  readonly block: string;
  readonly headers: readonly string[];
  readonly declaredLength: number;
  readonly hasDate: boolean;
}

const statusLines: readonly string[] = Array.from(
  { length: 1000 },
  (_, status) => `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n`,
);

/**
 * Writes the head of an answer as one byte string.
 * @param headers name, value, name, value; checked already
 * @param hasLength whether an answer of this status may have a Content-Length: else that field is left out
 * @param reason a phrase of the program's own; empty: the registered one
 */
export function formatAnswerHead(
  status: number,
  headers: readonly string[],
  hasLength: boolean,
  reason = '',
): AnswerHead {
  let text =
    reason === '' ? (statusLines[status] ?? statusLines[500]!) : `HTTP/1.1 ${status} ${reasonFor(status, reason)}\r\n`;
  let declaredLength = -1;
  let hasDate = false;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    const value = headers[at + 1]!;
    if (isNamed(name, 'content-length')) {
      if (!hasLength || declaredLength !== -1 || !/^[0-9]{1,15}$/.test(value)) continue;
      declaredLength = Number(value);
    } else if (isNamed(name, 'date')) {
      hasDate = true;
    }
    text += `${name}: ${value}\r\n`;
  }
  return { text, headers, declaredLength, hasDate };
}
