// Requests and bodies for tests of whatever runs CGI requests.

import { Readable } from 'node:stream';
import type { CgiRequest, RequestBody } from '../../src/protocol/cgi/exchange.ts';

/** A GET of "/" by the responder, but for what is given. */
export function cgiRequest(given: Partial<CgiRequest> = {}): CgiRequest {
  return {
    role: 'responder',
    environment: { REQUEST_METHOD: 'GET', SCRIPT_NAME: '/' },
    body: null,
    data: null,
    method: 'GET',
    url: '/',
    idempotent: true,
    ...given,
  };
}

/** A body in memory. */
export function bodyOf(text: string): RequestBody {
  const bytes = Buffer.from(text, 'latin1');
  return { length: bytes.length, bytes, stream: () => Readable.from([bytes]), replayable: true };
}

/** A body that comes as a stream, once. @param length what it claims; null: unknown */
export function streamBody(stream: Readable, length: number | null): RequestBody {
  return { length, bytes: null, stream: () => stream, replayable: false };
}
