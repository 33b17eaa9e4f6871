// The head of a CGI answer as the text that a program writes (RFC 3875, section 6.2). Pure.

import { PosternError } from '../../errors.ts';
import { reasonPhrases } from '../http/reason-phrases.ts';
import type { CgiHead } from './exchange.ts';

/** What would end a line or a header early, or is no byte. */
const forbiddenInHead = /[^\t\x20-\x7e\x80-\xff]/;
/** A token (RFC 9110, 5.6.2). */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The line of the commonest answer, made once. */
const plainStatus = 'Status: 200 OK\r\n';

/**
 * The head as text, with the empty line that ends it.
 * @param saysOk whether a plain 200 is said too. Without it a web server keeps a status of its own, as that of its error page (Apache's ErrorDocument)
 * @throws ANSWER_INVALID for a name or value that would make another header of it
 */
export function formatHead({ status, reason, headers }: CgiHead, saysOk = true): string {
  let text =
    status === 200 && reason === ''
      ? saysOk || headers.length === 0
        ? plainStatus
        : ''
      : `Status: ${status} ${value('Status', reason || (reasonPhrases[status] ?? 'Unknown'))}\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index]!;
    checkName(name);
    text += `${name}: ${value(name, headers[index + 1]!)}\r\n`;
  }
  return `${text}\r\n`;
}

/**
 * Checks a head that is passed on as it is, and is not read again as text: what a program's own text may not say, it may not, either.
 * @throws ANSWER_INVALID
 */
export function checkHead({ status, headers }: CgiHead): void {
  if (!Number.isInteger(status) || (status < 200 && status !== 103) || status > 999)
    throw new PosternError('ANSWER_INVALID', `the status of an answer is ${status}; it must be 200 to 999, or 103`);
  if (headers.length % 2 !== 0) throw new PosternError('ANSWER_INVALID', 'the last header of an answer has no value');
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]!;
    checkName(name);
    const text = value(name, headers[index + 1]!);
    if (name.length === 14 && name.toLowerCase() === 'content-length' && !/^\d{1,15}$/.test(text))
      throw new PosternError('ANSWER_INVALID', `the Content-Length of an answer is ${JSON.stringify(text)}`);
  }
}

function checkName(name: string): void {
  if (!headerName.test(name)) throw new PosternError('ANSWER_INVALID', `${JSON.stringify(name)} is no header name`);
}

function value(name: string, text: string): string {
  if (!forbiddenInHead.test(text)) return text;
  throw new PosternError('ANSWER_INVALID', `the value of header ${name} has a control byte, or is not latin1`);
}
