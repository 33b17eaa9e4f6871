// A body that is in memory.

import { Readable } from 'node:stream';
import type { RequestBody } from '../protocol/cgi/exchange.ts';

/** Bytes as a body. */
export function memoryBody(bytes: Uint8Array): RequestBody {
  return {
    length: bytes.length,
    bytes,
    replayable: true,
    stream: () => Readable.from([Buffer.from(bytes)], { objectMode: false }),
  };
}
