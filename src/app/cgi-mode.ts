// CGI: the request is in the environment and on standard input, the answer goes to standard output (RFC 3875).

import type { Readable } from 'node:stream';
import type { CgiRequest, Environment } from '../protocol/cgi/exchange.ts';
import { isIdempotent } from '../protocol/cgi/exchange.ts';
import { StreamBody } from './stream-body.ts';

/** The request that a CGI program was started for. */
export function cgiRequest(variables: Environment, stdin: () => Readable): CgiRequest {
  const method = variables.REQUEST_METHOD ?? 'GET';
  const length = /^\d{1,15}$/.test(variables.CONTENT_LENGTH ?? '') ? Number(variables.CONTENT_LENGTH) : 0;
  return {
    role: 'responder',
    environment: variables,
    // A program must not read beyond CONTENT_LENGTH (section 4.2): the server may leave its end of the pipe open.
    body: length > 0 ? new StreamBody(stdin, length) : null,
    data: null,
    method,
    url: variables.REQUEST_URI ?? `${variables.SCRIPT_NAME ?? ''}${variables.PATH_INFO ?? ''}`,
    idempotent: isIdempotent(method),
  };
}
