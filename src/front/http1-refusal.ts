// The answer to what is no request: a head that is malformed, too large or too slow, before any handler is asked.

import type { PosternError } from '../errors.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import { formatAnswerHead } from '../protocol/http/http1-answer-head.ts';

/** @returns the whole answer, as a byte string; the connection ends after it */
export function formatRefusal(error: PosternError, dateLine: string): string {
  // Accept was not read, or cannot be believed.
  const { status, headers, body } = errorAnswer(error, []);
  const head = formatAnswerHead(status, headers, true).text;
  return `${head}${dateLine}Connection: close\r\n\r\n${Buffer.from(body).toString('latin1')}`;
}
