// One HTTP/2 session of a server (RFC 9113): bytes in; requests, and bytes out. It knows no socket and no clock, and holds no more than a frame, a block of
// fields, and what its owner wants to send. Pure.
//
//   open -> leaving -> closed       open -> closed

import { FieldBlock } from './field-block.ts';
import {
  broken,
  checkOfConnection,
  endOfContent,
  incrementOf,
  readSettings,
  startOfContent,
  startOfFields,
  wrongSize,
} from './frame-payloads.ts';
import { FrameReader, type FrameTaker } from './frame-reader.ts';
import type { FrameWriter, SpareFrames } from './frame-writer.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { noTable } from './hpack-encoder.ts';
import {
  defaultWindow,
  errorCodes,
  frameFlags,
  frameHeadBytes,
  frameTypes,
  Http2Fault,
  settingIds,
} from './http2-codes.ts';
import { Http2Sender, type SenderOwner } from './http2-sender.ts';
import type { Http2Stream } from './http2-stream.ts';
import { Http2Streams, type ReadFields, type SessionLimits, type StreamsOwner } from './http2-streams.ts';

/** Who has a session. */
export interface SessionOwner {
  readonly spareFrames: SpareFrames;
  /** Takes bytes for the client, which are its own. @returns false: no more of what can wait should come until `drained` */
  send(bytes: Buffer): boolean;
  /** A request; it is to be given a listener. */
  requested(stream: Http2Stream): void;
  /** A frame came that has to be answered. */
  controlled(): void;
  /** A frame of a body came that holds nothing. */
  emptied(): void;
  /** A request came that was none, or one too many. */
  wasted(): void;
  /** The client asks for nothing more. */
  left(): void;
  /** The client made a fault, or we did (`internalError`); the client has been told, and the session is closed. */
  failed(fault: Http2Fault): void;
}

type State = 'open' | 'leaving' | 'closed';

const moves: Readonly<Record<State, readonly State[]>> = {
  open: ['leaving', 'closed'],
  leaving: ['closed'],
  closed: [],
};

/** A session. */
export class Http2Session implements FrameTaker, SenderOwner, StreamsOwner {
  readonly sender: Http2Sender;
  readonly #owner: SessionOwner;
  readonly #limits: SessionLimits;
  readonly #reader = new FrameReader(this);
  readonly #decoder: HpackDecoder;
  readonly #block: FieldBlock;
  readonly #streams: Http2Streams;
  #state: State = 'open';
  #isCorked = false;
  #isGreeted = false;
  #hasSentFields = false;
  /** Bytes that came. */
  receivedBytes = 0;
  #fieldsBytes = 0;

  constructor(owner: SessionOwner, limits: SessionLimits) {
    this.#owner = owner;
    this.#limits = limits;
    this.sender = new Http2Sender(this);
    this.#streams = new Http2Streams(this, limits);
    this.#block = new FieldBlock(limits.maxFieldsBytes);
    this.#decoder = new HpackDecoder({ maxFields: limits.maxFields, maxBytes: limits.maxFieldsBytes });
  }

  get spare(): SpareFrames {
    return this.#owner.spareFrames;
  }

  get frames(): FrameWriter {
    return this.sender.frames;
  }

  /** Requests that run. */
  get running(): number {
    return this.#streams.count;
  }

  /** Of the bytes that came, those that were fields, or a body that had a reader. */
  get usefulBytes(): number {
    return this.#fieldsBytes + this.#streams.usefulBytes;
  }

  /** Greets the client. To be called first. */
  begin(): void {
    const { maxStreams, streamWindow, connectionWindow, maxFieldsBytes } = this.#limits;
    const { maxConcurrentStreams, initialWindowSize, maxHeaderListSize } = settingIds;
    const windows = [maxConcurrentStreams, maxStreams, initialWindowSize, streamWindow];
    this.frames.settings([...windows, maxHeaderListSize, maxFieldsBytes]);
    this.frames.windowUpdate(0, connectionWindow - defaultWindow);
    this.frames.flush();
  }

  /** Nothing is sent until `uncork`. */
  cork(): void {
    this.#isCorked = true;
  }

  /** Sends what was written. */
  uncork(): void {
    this.#isCorked = false;
    this.settle();
  }

  /** Takes bytes of the client, which are lent. What comes of them is sent as one. */
  receive(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.cork();
    try {
      this.#reader.read(bytes);
    } catch (thrown) {
      // What comes after its end is nobody's.
      if (!this.#isClosed) this.#fail(thrown instanceof Http2Fault ? thrown : ourFault(thrown));
    }
    this.uncork();
  }

  /** The socket has room again. */
  drained(): void {
    if (this.#isClosed) return;
    this.sender.drained();
    this.settle();
  }

  /** Tells the client to ask for nothing more; what runs goes on. Repeatable. */
  leave(): void {
    if (this.#state !== 'open') return;
    this.#move('leaving');
    this.#streams.leave();
    this.frames.goaway(this.#streams.lastTaken, errorCodes.noError);
    this.settle();
  }

  /** Ends it, and tells the client why. Repeatable. */
  end(code: number): void {
    if (this.#isClosed) return;
    this.frames.goaway(this.#streams.lastTaken, code);
    this.close();
  }

  /** Sends what was written, and nothing more. Repeatable. */
  close(): void {
    if (this.#isClosed) return;
    this.frames.flush();
    this.destroy();
  }

  /** The connection is closed. Repeatable. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#move('closed');
    this.#streams.close();
  }

  // What the streams and the sender ask for.

  sendHead(stream: Http2Stream, block: string, isLast: boolean): void {
    this.frames.headers(stream.id, this.#hasSentFields ? block : noTable + block, isLast);
    this.#hasSentFields = true;
    if (isLast) this.finished(stream);
    this.settle();
  }

  send(bytes: Buffer): boolean {
    return this.#owner.send(bytes);
  }

  requested(stream: Http2Stream): void {
    this.#owner.requested(stream);
  }

  wasted(): void {
    this.#owner.wasted();
  }

  emptied(): void {
    this.#owner.emptied();
  }

  finished(stream: Http2Stream): void {
    this.#streams.finished(stream);
  }

  settle(): void {
    if (!this.#isCorked && !this.#isClosed) this.frames.flush();
  }

  // What comes.

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (this.#isClosed) return;
    this.receivedBytes += to - from + frameHeadBytes;
    if (!this.#isGreeted) {
      if (type !== frameTypes.settings || (flags & frameFlags.ack) !== 0)
        throw broken('its first frame is not SETTINGS');
      this.#isGreeted = true;
    }
    if (this.#block.stream !== 0 && (type !== frameTypes.continuation || id !== this.#block.stream)) {
      throw broken('a frame came within a block of fields');
    }
    if (type === frameTypes.headers) this.#headers(flags, id, bytes, from, to);
    else if (type === frameTypes.data) this.#data(flags, id, bytes, from, to);
    else if (type === frameTypes.windowUpdate) this.#windowUpdate(id, incrementOf(bytes, from, to));
    else if (type === frameTypes.continuation) this.#continuation(flags, bytes, from, to);
    else if (type === frameTypes.resetStream) this.#resetStream(id, to - from);
    else if (type === frameTypes.settings) this.#settings(flags, id, bytes, from, to);
    else if (type === frameTypes.ping) this.#ping(flags, id, bytes, from, to);
    else if (type === frameTypes.goaway) this.#goaway(id, to - from);
    else if (type === frameTypes.priority) this.#priority(id, to - from);
    else if (type === frameTypes.pushPromise) throw broken('PUSH_PROMISE of a client');
  }

  #headers(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (id % 2 === 0) throw broken('HEADERS on a stream that no client opens');
    this.#fieldsBytes += to - from + frameHeadBytes;
    const end = endOfContent(flags, bytes, from, to);
    const at = startOfFields(flags, from, end);
    const isLast = (flags & frameFlags.endStream) !== 0;
    if ((flags & frameFlags.endHeaders) !== 0) {
      this.#streams.headers(id, this.#decode(bytes, at, end), isLast);
      return;
    }
    this.#block.begin(id, isLast);
    this.#block.add(bytes, at, end);
  }

  #continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    const { stream, isLast } = this.#block;
    if (stream === 0) throw broken('CONTINUATION without HEADERS');
    this.#fieldsBytes += to - from + frameHeadBytes;
    this.#block.add(bytes, from, to);
    if ((flags & frameFlags.endHeaders) === 0) return;
    const block = this.#block.take();
    this.#streams.headers(stream, this.#decode(block, 0, block.length), isLast);
  }

  /** A whole block, which is read in any case, since later ones build upon it. */
  #decode(bytes: Buffer, from: number, to: number): ReadFields {
    const fields = this.#decoder.decode(bytes, from, to);
    const { isValid, isWithin } = this.#decoder;
    return { fields, isValid, isWithin };
  }

  #data(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (id === 0) throw broken('DATA on no stream');
    const end = endOfContent(flags, bytes, from, to);
    const isLast = (flags & frameFlags.endStream) !== 0;
    this.#streams.data(id, bytes, startOfContent(flags, from), end, to - from, isLast);
  }

  #settings(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const isTaken = (flags & frameFlags.ack) !== 0;
    checkOfConnection('SETTINGS', id, to - from, 0, isTaken ? 0 : to - from);
    if (isTaken) return;
    const { initialWindowSize } = readSettings(bytes, from, to);
    this.#owner.controlled();
    if (this.#isClosed) return;
    this.frames.settingsTaken();
    if (initialWindowSize !== undefined) this.#streams.setWindow(initialWindowSize);
  }

  #ping(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    checkOfConnection('PING', id, to - from, 8, 8);
    if ((flags & frameFlags.ack) !== 0) return;
    this.#owner.controlled();
    if (!this.#isClosed) this.frames.pong(bytes, from, to);
  }

  #goaway(id: number, length: number): void {
    checkOfConnection('GOAWAY', id, length, 8, Number.POSITIVE_INFINITY);
    this.#owner.left();
  }

  /** Nothing comes of priorities (5.3.2). */
  #priority(id: number, length: number): void {
    if (id === 0) throw broken('PRIORITY on no stream');
    if (length !== 5) this.#streams.wrongSize(id);
  }

  #resetStream(id: number, length: number): void {
    if (length !== 4) throw wrongSize('RST_STREAM');
    this.#streams.resetByClient(id);
  }

  #windowUpdate(id: number, bytes: number): void {
    if (id !== 0) this.#streams.openWindow(id, bytes);
    else if (bytes === 0) throw broken('WINDOW_UPDATE of 0');
    else this.sender.open(bytes);
  }

  #fail(fault: Http2Fault): void {
    this.end(fault.code);
    this.#owner.failed(fault);
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a session cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

function ourFault(thrown: unknown): Http2Fault {
  return new Http2Fault(
    errorCodes.internalError,
    `a fault of ours: ${thrown instanceof Error ? thrown.stack : thrown}`,
  );
}
