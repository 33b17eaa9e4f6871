// The answer to what is no request: a head that is malformed, too large or too slow, before any handler is asked.

import type { PosternError } from '../errors.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import { formatAnswerHead } from '../protocol/http/answer-framing.ts';

/** What was refused, for an access log. */
export interface Refusal {
  readonly error: PosternError;
  /** Of the connection, not of a client behind a proxy; empty for a Unix socket. */
  readonly remoteAddress: string;
  /** Bytes of the answer's body. */
  readonly bytes: number;
}

/** @returns the whole answer, as a byte string; the connection ends after it */
export function formatRefusal(
  error: PosternError,
  dateLine: string,
): { readonly text: string; readonly bytes: number } {
  // Accept was not read, or cannot be believed.
  const { status, headers, body } = errorAnswer(error, []);
  const head = formatAnswerHead(status, headers, true).text;
  const bytes = Buffer.from(body);
  return { text: `${head}${dateLine}Connection: close\r\n\r\n${bytes.toString('latin1')}`, bytes: bytes.length };
}
