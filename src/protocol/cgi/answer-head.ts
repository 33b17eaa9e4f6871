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
    if (!headerName.test(name)) throw new PosternError('ANSWER_INVALID', `${JSON.stringify(name)} is no header name`);
    text += `${name}: ${value(name, headers[index + 1]!)}\r\n`;
  }
  return `${text}\r\n`;
}

function value(name: string, text: string): string {
  if (!forbiddenInHead.test(text)) return text;
  throw new PosternError('ANSWER_INVALID', `the value of header ${name} has a control byte, or is not latin1`);
}
