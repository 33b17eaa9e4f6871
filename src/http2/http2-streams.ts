// The streams of one HTTP/2 session (RFC 9113, sections 5 and 8): which there are, what may come on each, and the windows of what comes. Pure.

import { broken, overflow } from './frame-payloads.ts';
import type { FrameWriter } from './frame-writer.ts';
import { defaultWindow, errorCodes, frameHeadBytes, Http2Fault, largestWindow } from './http2-codes.ts';
import { isTrailer, readHttp2Head } from './http2-head.ts';
import type { Http2Sender } from './http2-sender.ts';
import { Http2Stream, type StreamEnd, type StreamSession } from './http2-stream.ts';

/** What a client may do. */
export interface SessionLimits {
  /** Requests at a time; what is above is refused, and may be sent again. */
  readonly maxStreams: number;
  /** Bytes that may come ahead of their reader, of each stream. */
  readonly streamWindow: number;
  /** The same, of a stream of which something was read, as long as all have no more than `sharedWindow` above what each has. */
  readonly readWindow: number;
  readonly sharedWindow: number;
  /** Bytes of all streams that may be on their way. */
  readonly connectionWindow: number;
  /** Fields of a request, and bytes of them; a request that has more is reset. */
  readonly maxFields: number;
  readonly maxFieldsBytes: number;
}

/** What streams need of their session. */
export interface StreamsOwner {
  readonly frames: FrameWriter;
  readonly sender: Http2Sender;
  /** A request; it is to be given a listener. */
  requested(stream: Http2Stream): void;
  /** A request came that was none, or one too many. */
  wasted(): void;
  /** A frame of a body came that holds nothing. */
  emptied(): void;
  sendHead(stream: Http2Stream, block: string, isLast: boolean): void;
  /** Sends what was written, unless more of it comes at once. */
  settle(): void;
}

/** A block of fields that was read. */
export interface ReadFields {
  readonly fields: readonly string[];
  /** Whether each is well formed, and all are within the limits. */
  readonly isValid: boolean;
  readonly isWithin: boolean;
}

/** Streams that we have reset, of which more may be on its way. */
const rememberedResets = 128;

/** Of how many bytes that came of all streams the client is told. */
const connectionCreditBytes = 65_536;

/** The streams of one session. */
export class Http2Streams implements StreamSession {
  readonly #owner: StreamsOwner;
  readonly #limits: SessionLimits;
  readonly #frames: FrameWriter;
  readonly #open = new Map<number, Http2Stream>();
  readonly #resets: number[] = [];
  /** The highest of those that were among them. */
  #lastForgotten = 0;
  #lastSeen = 0;
  #lastTaken = 0;
  #takesMore = true;
  #receiveWindow: number;
  #creditBytes = 0;
  /** What streams that are read may still have above their first window. */
  #sharedWindow: number;
  /** What a stream may send at its beginning. */
  #sendWindow = defaultWindow;
  /** Bytes of bodies that had a reader, with the heads of their frames. */
  usefulBytes = 0;

  constructor(owner: StreamsOwner, limits: SessionLimits) {
    this.#owner = owner;
    this.#limits = limits;
    this.#frames = owner.frames;
    this.#receiveWindow = limits.connectionWindow;
    this.#sharedWindow = limits.sharedWindow;
  }

  get count(): number {
    return this.#open.size;
  }

  /** The last stream that was given to the owner. */
  get lastTaken(): number {
    return this.#lastTaken;
  }

  /** No stream is opened any more. */
  leave(): void {
    this.#takesMore = false;
  }

  /** The connection is closed. */
  close(): void {
    this.#takesMore = false;
    for (const stream of [...this.#open.values()]) this.#close(stream, 'by-us');
  }

  // What a stream asks for.

  sendHead(stream: Http2Stream, block: string, isLast: boolean): void {
    this.#owner.sendHead(stream, block, isLast);
  }

  pump(stream: Http2Stream): void {
    this.#owner.sender.pump(stream);
    this.#owner.settle();
  }

  get hasWindow(): boolean {
    return this.#owner.sender.hasWindow;
  }

  get sentBytes(): number {
    return this.#owner.sender.sentBytes;
  }

  reset(stream: Http2Stream, code: number): void {
    this.#reset(stream.id, code);
    this.#close(stream, 'by-us');
    this.#owner.settle();
  }

  credit(stream: Http2Stream, bytes: number): void {
    if (stream.state === 'closed') return;
    stream.unreadBytes -= bytes;
    if (stream.state === 'open') {
      stream.creditBytes += bytes;
      if (stream.creditBytes >= stream.window / 2) {
        stream.creditBytes += this.#widen(stream);
        stream.receiveWindow += stream.creditBytes;
        this.#frames.windowUpdate(stream.id, stream.creditBytes);
        stream.creditBytes = 0;
      }
    } else if (stream.unreadBytes === 0) this.#narrow(stream);
    this.#owner.settle();
  }

  /** The whole answer of a stream is sent: the client need not send the rest of its request (8.1). */
  finished(stream: Http2Stream): void {
    if (stream.state === 'open') this.#reset(stream.id, errorCodes.noError);
    this.#close(stream, 'sent');
  }

  // What comes.

  /** The fields of a request, or of its end. */
  headers(id: number, read: ReadFields, isLast: boolean): void {
    const stream = this.#open.get(id);
    if (stream !== undefined) this.#trailer(stream, read, isLast);
    else if (id > this.#lastSeen) this.#request(id, read, isLast);
    else if (this.#isGivenUp(id)) this.#owner.wasted();
    else throw broken('HEADERS on a stream that is closed');
  }

  /** A piece of a body. @param bytes lent @param size with its padding */
  data(id: number, bytes: Buffer, from: number, to: number, size: number, isLast: boolean): void {
    this.#receiveWindow -= size;
    if (this.#receiveWindow < 0) throw overflow('more came than the window of the connection has');
    // At once: what nobody reads is held by the window of its stream, and holds up no other.
    this.#creditConnection(size);
    const stream = this.#open.get(id);
    if (stream === undefined || stream.state !== 'open') {
      if (this.#isIdle(id)) throw broken('DATA on a stream that was not opened');
      if (stream !== undefined) this.#breakOff(stream, errorCodes.streamClosed);
      return;
    }
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0) throw overflow('more came than the window of a stream has');
    stream.unreadBytes += size;
    const length = to - from;
    if (length < size) this.credit(stream, size - length);
    if (length === 0 && !isLast) this.#owner.emptied();
    if (!stream.take(length)) {
      this.#breakOff(stream, errorCodes.protocolError);
      return;
    }
    if (length > 0) this.#give(stream, bytes.subarray(from, to));
    if (isLast && stream.state === 'open') this.#endOfBody(stream);
  }

  resetByClient(id: number): void {
    if (id === 0 || this.#isIdle(id)) throw broken('RST_STREAM of a stream that was not opened');
    const stream = this.#open.get(id);
    if (stream !== undefined) this.#close(stream, 'by-client');
  }

  /** The client has room for more of a stream. */
  openWindow(id: number, bytes: number): void {
    if (this.#isIdle(id)) throw broken('WINDOW_UPDATE of a stream that was not opened');
    const stream = this.#open.get(id);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    if (bytes === 0) this.#breakOff(stream, errorCodes.protocolError);
    else if (stream.sendWindow > largestWindow) this.#breakOff(stream, errorCodes.flowControlError);
    else if (stream.isPending) this.#owner.sender.pump(stream);
  }

  /** The client has set what each stream may send at its beginning: that counts for those that are open, too (6.9.2). */
  setWindow(bytes: number): void {
    const more = bytes - this.#sendWindow;
    this.#sendWindow = bytes;
    for (const stream of [...this.#open.values()]) {
      stream.sendWindow += more;
      if (stream.sendWindow > largestWindow) throw overflow('the window of a stream is too large');
      if (stream.isPending) this.#owner.sender.pump(stream);
    }
  }

  /** A frame that ends its stream alone. */
  wrongSize(id: number): void {
    const stream = this.#open.get(id);
    if (stream !== undefined) this.#breakOff(stream, errorCodes.frameSizeError);
  }

  #request(id: number, { fields, isValid, isWithin }: ReadFields, isWhole: boolean): void {
    this.#lastSeen = id;
    if (!this.#takesMore) {
      // It was told so.
      this.#owner.wasted();
      return;
    }
    if (this.#open.size >= this.#limits.maxStreams) {
      this.#refuse(id, errorCodes.refusedStream);
      return;
    }
    if (!isWithin) {
      this.#refuse(id, errorCodes.enhanceYourCalm);
      return;
    }
    const head = isValid ? readHttp2Head(fields, isWhole) : null;
    if (head === null) this.#refuse(id, errorCodes.protocolError);
    else {
      this.#lastTaken = id;
      const begin = { isWhole, sendWindow: this.#sendWindow, window: this.#limits.streamWindow };
      const stream = new Http2Stream(this, id, head, begin);
      this.#open.set(id, stream);
      this.#owner.requested(stream);
    }
  }

  #refuse(id: number, code: number): void {
    this.#reset(id, code);
    this.#owner.wasted();
  }

  /** It is dropped. */
  #trailer(stream: Http2Stream, { fields, isValid }: ReadFields, isLast: boolean): void {
    if (stream.state !== 'open') throw new Http2Fault(errorCodes.streamClosed, 'HEADERS after the end of a request');
    if (isLast && isValid && isTrailer(fields)) this.#endOfBody(stream);
    else this.#breakOff(stream, errorCodes.protocolError);
  }

  #give(stream: Http2Stream, bytes: Buffer): void {
    if (stream.listener === null) {
      this.credit(stream, bytes.length);
      return;
    }
    this.usefulBytes += bytes.length + frameHeadBytes;
    stream.listener.received(bytes);
  }

  #endOfBody(stream: Http2Stream): void {
    if (stream.unreadBytes === 0) this.#narrow(stream);
    if (stream.finish()) stream.listener?.ended();
    else this.#breakOff(stream, errorCodes.protocolError);
  }

  #creditConnection(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes < Math.min(connectionCreditBytes, this.#limits.connectionWindow / 2)) return;
    this.#receiveWindow += this.#creditBytes;
    this.#frames.windowUpdate(0, this.#creditBytes);
    this.#creditBytes = 0;
  }

  /** Something of a stream was read: more may come ahead of its reader. @returns so much more */
  #widen(stream: Http2Stream): number {
    const bytes = Math.min(this.#limits.readWindow - stream.window, this.#sharedWindow);
    this.#sharedWindow -= bytes;
    stream.window += bytes;
    return bytes;
  }

  /** Nothing of it waits for its reader, and nothing more comes. Repeatable. */
  #narrow(stream: Http2Stream): void {
    this.#sharedWindow += stream.window - this.#limits.streamWindow;
    stream.window = this.#limits.streamWindow;
  }

  /** The client made a fault on a stream. */
  #breakOff(stream: Http2Stream, code: number): void {
    this.#reset(stream.id, code);
    this.#close(stream, 'by-client');
  }

  #reset(id: number, code: number): void {
    this.#frames.reset(id, code);
    this.#resets.push(id);
    if (this.#resets.length > rememberedResets)
      this.#lastForgotten = Math.max(this.#lastForgotten, this.#resets.shift()!);
  }

  /** Whether it was not opened. No client opens one of those with even numbers. */
  #isIdle(id: number): boolean {
    return id > this.#lastSeen || id % 2 === 0;
  }

  /** Whether more of a request that is closed may have been on its way when its client was told (5.1, 6.8): we have reset it, or may have, or did not take it. */
  #isGivenUp(id: number): boolean {
    return this.#resets.includes(id) || id <= this.#lastForgotten || (!this.#takesMore && id > this.#lastTaken);
  }

  #close(stream: Http2Stream, end: StreamEnd): void {
    this.#open.delete(stream.id);
    this.#owner.sender.drop(stream);
    this.#narrow(stream);
    stream.close(end);
  }
}
