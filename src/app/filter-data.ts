// What a filter works on, from its request (FastCGI 1.0, section 6.4).

import { Readable } from 'node:stream';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import type { FilterData } from './application.ts';

/** The file of a filter's request. */
export function filterDataOf(request: CgiRequest): FilterData {
  const seconds = request.environment.FCGI_DATA_LAST_MOD;
  return {
    stream: request.data?.stream() ?? Readable.from([]),
    length: request.data?.length ?? null,
    lastModified: seconds !== undefined && /^\d{1,12}$/.test(seconds) ? new Date(Number(seconds) * 1_000) : null,
  };
}
