// What goes into embedded PHP for one request and what comes out of it: variables, body, the head of the answer, its bytes.

import type { PHPRunOptions } from '@php-wasm/universal';
import { PosternError } from '../../../src/errors.ts';
import type { CgiHead, Environment, RequestBody } from '../../../src/protocol/cgi/exchange.ts';
import { requestVariable } from './prelude.ts';

/** A body is copied into PHP's memory as a whole; its own post_max_size is looked at only then. */
const maxBodyBytes = 512 * 1024 * 1024;

/** What PHP is told of a request, but its body. */
export type PhpVariables = Required<Pick<PHPRunOptions, 'scriptPath' | 'relativeUri' | 'headers' | '$_SERVER'>> & {
  readonly method: string;
};

/** Variables that PHP reads for itself, by the name of the header that they came in. */
const headers: Readonly<Record<string, string>> = {
  HTTP_HOST: 'host',
  HTTP_COOKIE: 'cookie',
  CONTENT_TYPE: 'content-type',
};

/** What PHP reads for itself, as text; all of it as bytes, in one variable that the prelude takes apart. */
export function phpVariables(environment: Environment): PhpVariables {
  const of = (name: string): string => text(environment[name] ?? '');
  const own = Object.entries(headers).flatMap(([name, header]) => (environment[name] ? [[header, of(name)]] : []));
  const packed = Object.entries(environment).map(([name, value]) => `${name}\0${value}\0`);
  return {
    scriptPath: of('SCRIPT_FILENAME'),
    relativeUri: `${of('SCRIPT_NAME')}${environment.QUERY_STRING ? `?${of('QUERY_STRING')}` : ''}`,
    method: environment.REQUEST_METHOD ?? 'GET',
    headers: Object.fromEntries(own),
    $_SERVER: { [requestVariable]: Buffer.from(packed.join(''), 'latin1').toString('base64') },
  };
}

/** A request body; null for none. @throws BODY_TOO_LARGE, BODY_INCOMPLETE */
export async function readBody(body: RequestBody | null): Promise<Uint8Array | null> {
  if (body === null) return null;
  if ((body.length ?? 0) > maxBodyBytes) throw tooLarge();
  if (body.bytes !== null) return body.bytes;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body.stream()) {
    length += chunk.length;
    if (length > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** All of a stream that the build gave. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(unsigned(chunk));
  return Buffer.concat(chunks);
}

/** The build gives some of its bytes out as an Int8Array, whatever its declarations say. */
export function unsigned(chunk: Uint8Array): Uint8Array {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

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

/** A byte string as PHP's interface takes it: JavaScript text that is encoded as UTF-8. */
function text(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

function tooLarge(): PosternError {
  return new PosternError(
    'BODY_TOO_LARGE',
    `a body of more than ${maxBodyBytes} bytes: embedded PHP takes no larger one`,
  );
}
