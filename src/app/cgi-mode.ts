// CGI: the request is in the environment and on standard input, the answer goes to standard output (RFC 3875).

import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import { type CgiRequest, type Environment, isIdempotent, type RequestBody } from '../protocol/cgi/exchange.ts';

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

/**
 * The environment as byte strings. Node decodes it as UTF-8, and what is no UTF-8 (a path in another encoding) is lost in
 * `process.env`; Linux keeps the original.
 */
export function startEnvironment(): Environment {
  try {
    return parse(readFileSync('/proc/self/environ', 'latin1'));
  } catch {
    const environment = Object.create(null) as Environment;
    for (const [name, value] of Object.entries(process.env))
      environment[name] = Buffer.from(value ?? '').toString('latin1');
    return environment;
  }
}

function parse(text: string): Environment {
  const environment = Object.create(null) as Environment;
  for (const line of text.split('\0')) {
    const equals = line.indexOf('=');
    if (equals > 0) environment[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return environment;
}

/** As many bytes of a stream as were announced; fewer are an error. */
class StreamBody implements RequestBody {
  readonly #open: () => Readable;
  readonly length: number;
  readonly bytes = null;
  readonly replayable = false;
  #stream: Readable | null = null;

  constructor(open: () => Readable, length: number) {
    this.#open = open;
    this.length = length;
  }

  stream(): Readable {
    this.#stream ??= Readable.from(exactly(this.#open(), this.length), { objectMode: false });
    return this.#stream;
  }
}

async function* exactly(source: Readable, length: number): AsyncGenerator<Buffer> {
  let left = length;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
    if (left === 0) return;
  }
  throw new PosternError('BODY_INCOMPLETE', `${length - left} of ${length} bytes of the body came`);
}
