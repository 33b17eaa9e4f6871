// Writes one answer to an HTTP/2 stream (RFC 9113, section 8.1): small ones whole, lengths held against Content-Length.

import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { PosternError, unsentHead } from '../errors.ts';
import type { AnswerListener, AnswerManner, HttpAnswer } from '../gateway/message.ts';
import { AnswerFraming, mayHaveLength } from '../protocol/http/answer-framing.ts';

/** What an answer needs of whoever has its stream. */
export interface AnswerStream {
  readonly method: string;
  /** See `HttpAnswer.taken`. */
  taken(closely: boolean): number;
  /** The answer is complete, and on its way. */
  completed(): void;
  /** The answer will not be complete. */
  failed(error: PosternError): void;
}

/** What is gathered before it is passed on without a `flush`. */
const gatheredBytes = 16_384;

/** Fields that are about a connection of HTTP/1.1 (RFC 9113, 8.2.2). */
const ofConnection = new Set([
  ...['connection', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
]);

/** So much of bytes that last is given to the library at a time: it counts what it holds for a connection. */
const pieceBytes = 65_536;

const noBytes = Buffer.alloc(0);

/** The answer to one request. */
export class Http2Answer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #stream: ServerHttp2Stream;
  readonly #owner: AnswerStream;
  #state: 'waiting' | 'gathering' | 'passing' | 'done' = 'waiting';
  #status = 0;
  #headers: readonly string[] = [];
  #framing: AnswerFraming | null = null;
  /** Bytes that were taken and not passed on. */
  #gathered: Buffer[] = [];
  #length = 0;
  /** Whether the stream has said that it has no room, and not yet that it has again. */
  #isFull = false;
  #listensToDrain = false;
  /** What is still to be passed on of bytes that last. */
  #lasting: Buffer | null = null;
  /** Whether the stream ends after those. */
  #isEnding = false;

  constructor(stream: ServerHttp2Stream, owner: AnswerStream) {
    this.#stream = stream;
    this.#owner = owner;
  }

  get headSent(): boolean {
    return this.#state !== 'waiting';
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  taken(closely: boolean): number {
    return this.#owner.taken(closely);
  }

  head(status: number, headers: readonly string[], _manner?: AnswerManner): void {
    if (this.#state !== 'waiting') return;
    if (status < 200) {
      if (status === 103) this.#inform(headers);
      return;
    }
    // What only HTTP/1.1 can say is a 500 to a client (RFC 9110, section 15).
    this.#status = status <= 599 ? status : 500;
    this.#headers = headers;
    this.#framing = new AnswerFraming(this.#owner.method, '2.0', status, declaredLength(headers));
    this.#state = 'gathering';
  }

  write(chunk: Uint8Array): boolean {
    const length = this.#take(chunk);
    // Lent: it is written over when this returns.
    if (length > 0) this.#gather(Buffer.from(chunk.subarray(0, length)));
    return !this.#isFull;
  }

  writeLasting(bytes: Buffer): boolean {
    const length = this.#take(bytes);
    if (length <= pieceBytes || this.#lasting !== null) {
      if (length > 0) this.#gather(bytes.subarray(0, length));
      return !this.#isFull;
    }
    this.#passOn();
    this.#lasting = bytes.subarray(0, length);
    this.#feed();
    return !this.#isFull;
  }

  flush(): boolean {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#length > 0)) this.#passOn();
    return !this.#isFull;
  }

  end(): void {
    if (this.#state === 'waiting' || this.#state === 'done') return;
    if (this.#framing!.isShort) {
      this.abort(new PosternError('ANSWER_TRUNCATED', 'the answer is shorter than its Content-Length'));
      return;
    }
    const isWhole = this.#state === 'gathering';
    const bytes = this.#takeGathered();
    const isEmpty = isWhole && bytes.length === 0;
    if (isWhole && !this.#respond(true, isEmpty)) return;
    this.#state = 'done';
    this.#isEnding = this.#lasting !== null;
    if (this.#isEnding) return;
    if (!isEmpty) this.#stream.end(bytes.length === 0 ? undefined : bytes);
    this.#owner.completed();
  }

  abort(error: PosternError): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#gathered = [];
    this.#owner.failed(error);
  }

  /** Called when the client has gone. */
  gone(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#gathered = [];
    this.listener?.gone();
  }

  #take(chunk: Uint8Array): number {
    return this.#state === 'gathering' || this.#state === 'passing' ? this.#framing!.take(chunk.length) : 0;
  }

  #gather(bytes: Buffer): void {
    if (this.#lasting !== null) {
      this.#lasting = Buffer.concat([this.#lasting, bytes]);
      return;
    }
    this.#gathered.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= gatheredBytes) this.#passOn();
  }

  #takeGathered(): Buffer {
    const gathered = this.#gathered;
    if (gathered.length === 0) return noBytes;
    this.#gathered = [];
    this.#length = 0;
    return gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered);
  }

  #passOn(): void {
    if (this.#state === 'gathering') {
      this.#state = 'passing';
      if (!this.#respond(false, false)) return;
    }
    const bytes = this.#takeGathered();
    if (bytes.length > 0) this.#send(bytes);
  }

  #send(bytes: Buffer): void {
    if (!this.#stream.writable || this.#stream.write(bytes)) return;
    this.#isFull = true;
    if (this.#listensToDrain) return;
    this.#listensToDrain = true;
    this.#stream.on('drain', () => this.#drained());
  }

  /** Passes on what lasts, as long as there is room. */
  #feed(): void {
    while (this.#lasting !== null && !this.#isFull) {
      const rest = this.#lasting;
      this.#lasting = rest.length > pieceBytes ? rest.subarray(pieceBytes) : null;
      this.#send(rest.subarray(0, pieceBytes));
    }
    if (this.#lasting !== null || !this.#isEnding) return;
    this.#isEnding = false;
    this.#stream.end();
    this.#owner.completed();
  }

  #drained(): void {
    this.#isFull = false;
    this.#feed();
    if (this.#isFull) return;
    if (this.#state !== 'done') this.listener?.drained();
  }

  /** Sends the head. @returns false: it could not be sent, and the answer has failed */
  #respond(isWhole: boolean, endStream: boolean): boolean {
    const { destroyed, closed } = this.#stream;
    if (destroyed || closed) return true;
    const framing = this.#framing!;
    const length = framing.lengthToAdd(isWhole);
    const fields = outgoing(this.#headers, mayHaveLength(this.#status));
    fields[':status'] = this.#status;
    if (length !== -1) fields['content-length'] = length;
    try {
      this.#stream.respond(fields, { endStream: endStream || !framing.hasBody });
      return true;
    } catch (error) {
      const failure = unsentHead(error);
      this.abort(failure);
      this.listener?.gone(failure);
      return false;
    }
  }

  #inform(headers: readonly string[]): void {
    const { destroyed, closed } = this.#stream;
    if (destroyed || closed) return;
    const fields = outgoing(headers, false);
    fields[':status'] = 103;
    try {
      this.#stream.additionalHeaders(fields);
    } catch {
      // The library takes fewer fields than there are valid ones; a hint may be left out.
    }
  }
}

function declaredLength(headers: readonly string[]): number {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]!.length === 14 && headers[at]!.toLowerCase() === 'content-length') return Number(headers[at + 1]);
  }
  return -1;
}

/** Fields as the library wants them; names are in lower case there (RFC 9113, 8.2). */
function outgoing(headers: readonly string[], hasLength: boolean): OutgoingHttpHeaders {
  // A program may call a field as it likes: "constructor" too.
  const fields = { __proto__: null } as unknown as OutgoingHttpHeaders;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const value = headers[at + 1]!;
    if (ofConnection.has(name) || (!hasLength && name === 'content-length')) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = [String(before), value];
  }
  return fields;
}
