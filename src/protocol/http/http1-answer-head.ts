// Formats the head of an HTTP/1.1 answer (RFC 9112, section 4) as one byte string. Pure.

import { isNamed } from './headers.ts';
import { reasonFor, reasonPhrases } from './reason-phrases.ts';

/** The head of an answer but for the lines that its framing adds and the empty line at its end. */
export interface AnswerHead {
  readonly text: string;
  /** From Content-Length among the headers; -1: there is none. */
  readonly declaredLength: number;
  /** Whether Date is among the headers. */
  readonly hasDate: boolean;
}

const statusLines: readonly string[] = Array.from(
  { length: 1000 },
  (_, status) => `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n`,
);

/**
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
  return { text, declaredLength, hasDate };
}
