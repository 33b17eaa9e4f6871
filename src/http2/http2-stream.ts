// One stream of an HTTP/2 session (RFC 9113, section 5): a request and its answer, with the windows of both directions. Pure.
//
//   open -> half-closed -> closed       open -> closed

import type { Http2Head } from './http2-head.ts';

/** open: more of the request may come. half-closed: it is whole. closed: the answer was sent, or either side has reset it. */
export type StreamState = 'open' | 'half-closed' | 'closed';

const moves: Readonly<Record<StreamState, readonly StreamState[]>> = {
  open: ['half-closed', 'closed'],
  'half-closed': ['closed'],
  closed: [],
};

/** How a stream ended. sent: with its whole answer. by-client: its client has reset it, or made a fault. by-us: we have reset it, or the connection is closed. */
export type StreamEnd = 'sent' | 'by-client' | 'by-us';

/** Who has a stream. */
export interface StreamListener {
  /** Bytes of the body, lent. They take from the stream's window until they are told to `credit`. */
  received(bytes: Buffer): void;
  /** The body is whole. */
  ended(): void;
  /** All that was written has been sent, after a write gave false. */
  drained(): void;
  /** Called once. */
  closed(end: StreamEnd): void;
}

/** What a stream needs of its session. */
export interface StreamSession {
  /** Whether the client has room for more of bodies, in all. */
  readonly hasWindow: boolean;
  /** Bytes of all bodies that were sent. */
  readonly sentBytes: number;
  sendHead(stream: Http2Stream, block: string, isLast: boolean): void;
  /** Sends what waits, as far as the windows let it. */
  pump(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: number): void;
  credit(stream: Http2Stream, bytes: number): void;
}

/** A stream. */
export class Http2Stream {
  readonly id: number;
  readonly request: Http2Head;
  /** Whether more of the request came, or was to come, than its head. */
  readonly hasBody: boolean;
  listener: StreamListener | null = null;
  readonly #session: StreamSession;
  #state: StreamState;
  /** Bytes of the answer's body that were sent. */
  sentBytes = 0;
  /** What may be sent. It may be below 0 (6.9.2). */
  sendWindow: number;
  /** What may come ahead of its reader, and how much of that may come by now. */
  window: number;
  receiveWindow: number;
  /** Bytes of the body that came, and were not read. */
  unreadBytes = 0;
  /** Bytes that were read, and of which the client has not been told. */
  creditBytes = 0;
  /** Bytes of the body that are still to come; -1: nobody knows. */
  #missing: number;
  /** What waits to be sent, from `#sentOfFirst` of the first piece on. */
  #pieces: Buffer[] = [];
  #sentOfFirst = 0;
  #waiting = 0;
  /** Whether the answer ends with what waits. */
  #isEnding = false;
  /** Whether it stands in the line of those that the connection has no room for. */
  isInLine = false;
  #isDrainAwaited = false;

  constructor(
    session: StreamSession,
    id: number,
    request: Http2Head,
    { isWhole, sendWindow, window }: StreamBeginning,
  ) {
    this.#session = session;
    this.id = id;
    this.request = request;
    this.hasBody = !isWhole;
    this.#state = isWhole ? 'half-closed' : 'open';
    this.#missing = request.contentLength ?? -1;
    this.sendWindow = sendWindow;
    this.window = window;
    this.receiveWindow = window;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Bytes that wait to be sent. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether it is its own window that holds what waits. */
  get isStarved(): boolean {
    return this.#waiting > 0 && this.sendWindow <= 0;
  }

  /** Whether it is the window of the connection. */
  get isStarvedWithAll(): boolean {
    return this.#waiting > 0 && !this.#session.hasWindow;
  }

  /** Bytes of all bodies of the connection that were sent. */
  get sentBytesOfAll(): number {
    return this.#session.sentBytes;
  }

  /** Whether there is something to send, an end that holds nothing too. */
  get isPending(): boolean {
    return this.#waiting > 0 || this.#isEnding;
  }

  /** Sends the head of the answer, or one before it. @param block of fields @param isLast whether the answer ends with it */
  head(block: string, isLast: boolean): void {
    if (this.#state !== 'closed') this.#session.sendHead(this, block, isLast);
  }

  /** Sends bytes, which nobody may change from now on. @returns false: they wait; no more should come until `drained` */
  write(bytes: Buffer): boolean {
    if (this.#state === 'closed') return true;
    if (bytes.length > 0) this.#add(bytes);
    this.#session.pump(this);
    if (this.#waiting === 0) return true;
    this.#isDrainAwaited = true;
    return false;
  }

  /** The same with the last of them. */
  end(bytes: Buffer): void {
    if (this.#state === 'closed') return;
    if (bytes.length > 0) this.#add(bytes);
    this.#isEnding = true;
    this.#session.pump(this);
  }

  /** Nothing more of either side. */
  reset(code: number): void {
    if (this.#state !== 'closed') this.#session.reset(this, code);
  }

  /** So many bytes of the body were read: as many more may come. */
  credit(bytes: number): void {
    this.#session.credit(this, bytes);
  }

  // What follows is called by the session.

  /** So many bytes of the body came. @returns whether the request told of so many */
  take(bytes: number): boolean {
    if (this.#missing === -1) return true;
    this.#missing -= bytes;
    return this.#missing >= 0;
  }

  /** The request is whole. @returns whether it has the length that it told */
  finish(): boolean {
    this.#move('half-closed');
    return this.#missing <= 0;
  }

  /** What is to be sent next; undefined: nothing, or an end that holds nothing. */
  get piece(): Buffer | undefined {
    return this.#pieces[0];
  }

  /** Bytes of that piece that were sent. */
  get sentOfPiece(): number {
    return this.#sentOfFirst;
  }

  /** So many bytes of the first piece were sent. @returns whether the answer ends with them */
  sent(bytes: number): boolean {
    this.sendWindow -= bytes;
    this.sentBytes += bytes;
    this.#waiting -= bytes;
    this.#sentOfFirst += bytes;
    if (this.#sentOfFirst === this.#pieces[0]?.length) {
      this.#pieces.shift();
      this.#sentOfFirst = 0;
    }
    return this.#isEnding && this.#waiting === 0;
  }

  /** Tells its owner that there is room. */
  tellDrained(): void {
    if (!this.#isDrainAwaited || this.#waiting > 0) return;
    this.#isDrainAwaited = false;
    this.listener?.drained();
  }

  close(end: StreamEnd): void {
    this.#move('closed');
    this.#pieces = [];
    this.#waiting = 0;
    this.#isEnding = false;
    this.listener?.closed(end);
  }

  #add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#waiting += bytes.length;
  }

  #move(to: StreamState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a stream cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** What a stream begins with. */
export interface StreamBeginning {
  /** Whether no body follows. */
  readonly isWhole: boolean;
  readonly sendWindow: number;
  /** What may come ahead of its reader. */
  readonly window: number;
}
