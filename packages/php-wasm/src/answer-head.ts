// The head of an answer, from what embedded PHP says of it. Pure.

import { PosternError } from '../../../src/errors.ts';
import type { CgiHead } from '../../../src/protocol/cgi/exchange.ts';

/**
 * Reads the build's JSON: `{"status": 200, "headers": ["Name: value", ..., "__terminator__"]}`.
 * @param bytes empty when the script ended before PHP made its headers
 * @throws ANSWER_INVALID
 */
export function parseAnswerHead(bytes: Buffer): CgiHead {
  if (bytes.length === 0) throw new PosternError('ANSWER_INVALID', 'embedded PHP gave no header');
  // No trim() for values: it takes 0xA0 for a blank, and that may be half a letter.
  // As latin1, so that each character of a value is one byte. The build leaves tabs in values as they are.
  const json = bytes.toString('latin1').replace(/[\0-\x1f]/g, ' ');
  const { status, headers: lines } = JSON.parse(json) as { status: number; headers: string[] };
  const headers: string[] = [];
  let ownStatus: string | null = null;
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (name.toLowerCase() === 'status') ownStatus = value;
    else headers.push(name, value);
  }
  return { status: Number.parseInt(ownStatus ?? '', 10) || status, reason: '', headers };
}
