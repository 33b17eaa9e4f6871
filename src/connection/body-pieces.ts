// Reads a body that lies in a file, piece by piece into one buffer, in which the records of each piece are framed where they lie.
//
//   | header | content 65,528 | header | content 65,528 | header | content | padding |

import type { RequestBody } from '../protocol/cgi/exchange.ts';
import { type DATA, HEADER_BYTES, type STDIN } from '../protocol/fastcgi/record.ts';
import { finishRecord } from '../protocol/fastcgi/record-writer.ts';

/** A record with its header; its content needs no padding. */
const RECORD_BYTES = 65_536;
const CONTENT_BYTES = RECORD_BYTES - HEADER_BYTES;
/** Each read is a trip to a thread and back, which costs more than 64 KiB are worth. */
const MAX_RECORDS = 8;

type BodyReader = NonNullable<RequestBody['readAt']>;

/** The pieces of one body. */
export class BodyPieces {
  readonly type: typeof STDIN | typeof DATA;
  readonly #readAt: BodyReader;
  readonly #length: number;
  readonly #id: number;
  #buffer: Buffer | null = null;
  /** Where in the buffer content is read to. */
  #contents: Buffer[] = [];
  #position = 0;
  #isReading = false;

  private constructor(readAt: BodyReader, length: number, type: typeof STDIN | typeof DATA, id: number) {
    this.#readAt = readAt;
    this.#length = length;
    this.type = type;
    this.#id = id;
  }

  /** @returns null for a body that does not lie in a file */
  static of(body: RequestBody, type: typeof STDIN | typeof DATA, id: number): BodyPieces | null {
    if (body.readAt === undefined || body.length === null) return null;
    return new BodyPieces((buffers, position) => body.readAt!(buffers, position), body.length, type, id);
  }

  /** Whether `read()` has not come back. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Whether the last piece was read. */
  get isDone(): boolean {
    return this.#position === this.#length;
  }

  /**
   * The records of the next piece.
   * @param isFree whether nobody holds the piece before any more, so that its memory may be used again
   * @throws what the body's `readAt` does, and when the file is shorter than the body
   */
  async read(isFree: boolean): Promise<Buffer> {
    const buffer = isFree ? (this.#buffer ?? this.#newBuffer()) : this.#newBuffer();
    this.#isReading = true;
    const count = await this.#readAt(this.#contents, this.#position);
    this.#isReading = false;
    if (count === 0) throw new Error(`it ended after ${this.#position} of ${this.#length} bytes`);
    this.#position += count;
    return this.#framed(buffer, count);
  }

  /** Puts headers, and the last one's padding, around the content that was read. */
  #framed(buffer: Buffer, count: number): Buffer {
    let end = 0;
    for (let left = count; left > 0; left -= CONTENT_BYTES) {
      const contentEnd = end + HEADER_BYTES + Math.min(left, CONTENT_BYTES);
      end = finishRecord(buffer, end, contentEnd, this.type, this.#id);
    }
    return buffer.subarray(0, end);
  }

  #newBuffer(): Buffer {
    const records = Math.min(MAX_RECORDS, Math.ceil(this.#length / CONTENT_BYTES));
    const buffer = Buffer.allocUnsafeSlow(records * RECORD_BYTES);
    this.#contents = Array.from({ length: records }, (_, i) =>
      buffer.subarray(i * RECORD_BYTES + HEADER_BYTES, (i + 1) * RECORD_BYTES),
    );
    this.#buffer = buffer;
    return buffer;
  }
}
