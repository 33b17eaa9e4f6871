// The trace that a request belongs to (W3C Trace Context): a traceparent is passed on as it came; where there is none, one may be made.

import { randomFillSync } from 'node:crypto';

/** Random bytes are taken by the page: asking for a few each time costs more than they do. */
const pageBytes = 4_096;
const traceBytes = 16;
const spanBytes = 8;

/** "00-TRACE-SPAN-FLAGS", with neither id all zeros. */
const valid = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/** Makes traceparents for requests that come without one. */
export class TraceMaker {
  readonly #page = Buffer.alloc(pageBytes);
  #used = pageBytes;

  /** null: the one that came is valid, and goes on as it is. */
  traceparentFor(given: string | undefined): string | null {
    if (given !== undefined && valid.test(given)) return null;
    // Flags 00: nobody has decided that it is recorded.
    return `00-${this.#hex(traceBytes)}-${this.#hex(spanBytes)}-00`;
  }

  #hex(bytes: number): string {
    if (this.#used + bytes > pageBytes) {
      randomFillSync(this.#page);
      this.#used = 0;
    }
    const text = this.#page.toString('hex', this.#used, this.#used + bytes);
    this.#used += bytes;
    return text;
  }
}

/** The trace of a traceparent; null: there is none. */
export function traceIdOf(traceparent: string | undefined): string | null {
  return traceparent !== undefined && valid.test(traceparent) ? traceparent.slice(3, 35) : null;
}
