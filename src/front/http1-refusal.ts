// The answer to what is no request: a head that is malformed, too large or too slow, before any handler is asked.

import type { PosternError } from '../errors.ts';
import { errorTable } from '../errors.ts';
import { formatAnswerHead } from '../protocol/http/http1-answer-head.ts';

/** @returns the whole answer, as a byte string; the connection ends after it */
export function formatRefusal(error: PosternError, dateLine: string): string {
  const sentence = `${errorTable[error.code].public}\n`;
  const fields = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(sentence.length)];
  return `${formatAnswerHead(error.status, fields, true).text}${dateLine}Connection: close\r\n\r\n${sentence}`;
}
