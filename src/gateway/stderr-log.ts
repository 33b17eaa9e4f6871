// What programs write on STDERR, as log records: one line each, escaped, and limited in length and rate.

import type { Log } from '../log.ts';
import { bytesToLog } from './bytes.ts';
import type { RecordRate } from './record-rate.ts';

const MAX_LINE_LENGTH = 4096;

/** The STDERR of one request. */
export class StderrLog {
  readonly #log: Log;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #rate: RecordRate;
  /** The line that has not ended; no longer than what is shown of it. */
  #line = '';

  constructor(log: Log, fields: Readonly<Record<string, unknown>>, rate: RecordRate) {
    this.#log = log;
    this.#fields = fields;
    this.#rate = rate;
  }

  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.#append(bytes, start, end);
      this.end();
      start = end + 1;
    }
    this.#append(bytes, start, bytes.length);
  }

  /** The line ends here, and so does what the program had to say. */
  end(): void {
    const line = this.#line;
    this.#line = '';
    if (line === '' || line === '\r' || !this.#rate.take()) return;
    const droppedRecords = this.#rate.takeDropped();
    const fields = droppedRecords === 0 ? this.#fields : { ...this.#fields, droppedRecords };
    this.#log.warn(fields, bytesToLog(line.endsWith('\r') ? line.slice(0, -1) : line, MAX_LINE_LENGTH));
  }

  #append(bytes: Buffer, start: number, end: number): void {
    // One more than is shown, so that the cut is visible.
    const room = MAX_LINE_LENGTH + 1 - this.#line.length;
    if (room > 0 && start < end) this.#line += bytes.toString('latin1', start, Math.min(end, start + room));
  }
}
