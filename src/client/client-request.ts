// A request as the client's caller gives it -> the request that a connection takes.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import { type CgiRequest, isIdempotent, type RequestBody, type Role } from '../protocol/cgi/exchange.ts';
import { makeParams, type ParamsSource } from './params.ts';

/** What a body may be: text (sent as UTF-8), bytes, or a stream, which is read once. */
export type BodySource = string | Uint8Array | Readable | ReadableStream<Uint8Array>;

/** One request. */
export interface ClientRequest extends ParamsSource {
  /** @default 'responder' */
  readonly role?: Role | undefined;
  /** Sent as STDIN. Left out: there is none. */
  readonly body?: BodySource | undefined;
  /** Exact length of a body that is a stream, in bytes. Left out: it is not told to the application, and PHP then reads nothing. */
  readonly bodyBytes?: number | undefined;
  /** A filter's file, sent as DATA. */
  readonly data?: BodySource | undefined;
  /** Exact length of a file that is a stream, in bytes. */
  readonly dataBytes?: number | undefined;
  /** When a filter's file was changed last. @default now */
  readonly dataModified?: Date | undefined;
  /** Whether running it twice does no harm; then it is sent again when its connection broke before any answer. @default by the method */
  readonly idempotent?: boolean | undefined;
  /** Ends the request: it fails with ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** From the call to the end of the answer, in milliseconds; it fails with ANSWER_TIMEOUT. 0: no limit. @default the client's */
  readonly timeoutMs?: number | undefined;
}

/**
 * Makes the request.
 * @throws BAD_REQUEST when a length is given that the body does not have
 */
export function makeRequest(given: ClientRequest): CgiRequest {
  const { role = 'responder', method = 'GET', url = '/' } = given;
  const body = bodyOf(given.body, given.bodyBytes);
  const data = bodyOf(given.data, given.dataBytes);
  const environment = makeParams(given, role === 'authorizer' ? null : (body?.length ?? null));
  if (role === 'filter') {
    environment.FCGI_DATA_LENGTH ??= String(data?.length ?? 0);
    environment.FCGI_DATA_LAST_MOD ??= String(Math.floor((given.dataModified ?? new Date()).getTime() / 1_000));
  }
  if (role === 'authorizer') {
    // FastCGI 1.0, section 6.3: an authorizer is asked before it is known what will be run.
    for (const name of ['PATH_INFO', 'PATH_TRANSLATED', 'SCRIPT_NAME']) {
      if (given.params?.[name] === undefined) delete environment[name];
    }
  }
  return { role, environment, body, data, method, url, idempotent: given.idempotent ?? isIdempotent(method) };
}

function bodyOf(source: BodySource | undefined, bytes: number | undefined): RequestBody | null {
  if (source === undefined) return null;
  if (typeof source === 'string' || source instanceof Uint8Array) {
    const content = typeof source === 'string' ? Buffer.from(source) : source;
    if (bytes !== undefined && bytes !== content.length) {
      throw new PosternError(
        'BAD_REQUEST',
        `the body has ${content.length} bytes, and its length was given as ${bytes}`,
      );
    }
    return { length: content.length, bytes: content, stream: () => Readable.from([content]), replayable: true };
  }
  const stream =
    source instanceof Readable ? source : Readable.fromWeb(source as import('node:stream/web').ReadableStream);
  return { length: bytes ?? null, bytes: null, stream: () => stream, replayable: false };
}
