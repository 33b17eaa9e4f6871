// A body of known length that is read from a stream once.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { RequestBody } from '../protocol/cgi/exchange.ts';

/** As many bytes of a stream as were announced; fewer are an error. */
export class StreamBody implements RequestBody {
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
