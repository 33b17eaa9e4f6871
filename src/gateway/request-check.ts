// What holds for every request, whichever front it came through. Pure.

import { PosternError } from '../errors.ts';
import { fieldsBytes } from '../protocol/http/headers.ts';
import { parseTarget, type RequestPath } from '../protocol/http/path.ts';
import type { HttpRequest } from './message.ts';

const MAX_FIELDS = 200;
const MAX_FIELD_BYTES = 65_536;
const MAX_TARGET_BYTES = 32_768;

/** Takes the request's target apart. @throws BAD_REQUEST, HEADERS_TOO_LARGE, URI_TOO_LONG, METHOD_* */
export function checkRequest({ method, target, headers }: HttpRequest): RequestPath {
  if (target.length > MAX_TARGET_BYTES) {
    throw new PosternError(
      'URI_TOO_LONG',
      `the request target has ${target.length} bytes, more than ${MAX_TARGET_BYTES}`,
    );
  }
  if (headers.length > 2 * MAX_FIELDS || fieldsBytes(headers) > MAX_FIELD_BYTES) {
    throw new PosternError(
      'HEADERS_TOO_LARGE',
      `the request has more than ${MAX_FIELDS} fields or ${MAX_FIELD_BYTES} bytes of them`,
    );
  }
  if (method === 'CONNECT') throw new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  // TRACE would send back credentials that a browser hides from scripts.
  if (method === 'TRACE') throw new PosternError('METHOD_NOT_ALLOWED', 'TRACE is not answered');
  return parseTarget(target);
}
