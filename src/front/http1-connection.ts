// One HTTP/1.1 connection (RFC 9112, section 9): requests one after another, in their order, each given to the handler.
//
//   idle -> head -> running -> sending -> idle ... ; any -> lingering -> closed
//
// idle: nothing of a request has come. head: part of a head has. running: the handler has a request. sending: its
// answer is complete, and more of it waits for the client than a socket holds. lingering: we have ended our side.

import type { Socket } from 'node:net';
import { PosternError, toPosternError } from '../errors.ts';
import type { Peer } from '../gateway/message.ts';
import { HeadReader } from '../protocol/http/http1-head-reader.ts';
import type { RequestHead } from '../protocol/http/http1-request-head.ts';
import { type AnswerConnection, Http1Answer, type SpareBlock } from './http1-answer.ts';
import { type BodyConnection, Http1Body } from './http1-body.ts';
import type { Http1Connections } from './http1-connections.ts';
import { formatRefusal } from './http1-refusal.ts';
import { peerOf } from './peer.ts';

/** Bytes of later requests that are held while one runs; the socket is paused above that. */
const maxWaitingBytes = 65_536;

/** For so many bytes of an answer a client may take the write timeout. */
const writeUnitBytes = 65_536;

/** How long a closing front waits for the first request of a connection. */
const firstRequestMs = 1_000;

/** A connection. Those methods that are named in the past tense are called by its socket. */
export class Http1Connection implements AnswerConnection, BodyConnection {
  /** Where it is among the front's connections; theirs. */
  slot = -1;
  readonly #socket: Socket;
  readonly #owner: Http1Connections;
  readonly #heads = new HeadReader();
  #peer: Peer | null = null;
  #state: 'idle' | 'head' | 'running' | 'sending' | 'lingering' | 'closed' = 'idle';
  #deadline: number;
  /** Bytes that came and were not looked at, and where they begin. */
  #waiting: Buffer | null = null;
  #waitingFrom = 0;
  #answer: Http1Answer | null = null;
  /** The running request's body, until its last byte came. */
  #body: Http1Body | null = null;
  #requestKeepsAlive = true;
  #owesContinue = false;
  #isHalfClosed = false;
  #isAdvancing = false;

  constructor(socket: Socket, owner: Http1Connections) {
    this.#socket = socket;
    this.#owner = owner;
    this.#deadline = owner.deadlineAfter(owner.limits.headTimeoutMs);
  }

  /** The client sent bytes, which are lent: what is left of them is copied. */
  received(chunk: Buffer): void {
    if (this.#state === 'lingering' || this.#state === 'closed') return;
    const from = this.#body === null ? 0 : this.#receiveBody(this.#body, chunk, 0);
    if (from < chunk.length) this.#hold(chunk, from);
    this.#advance();
    if (this.#waiting === chunk) {
      this.#waiting = Buffer.from(chunk.subarray(this.#waitingFrom));
      this.#waitingFrom = 0;
    }
  }

  /** The client sends nothing more. It may still read, so what runs goes on for a while. */
  ended(): void {
    this.#isHalfClosed = true;
    if (this.#state === 'idle') this.#linger();
    else if (this.#state === 'head') this.#socket.destroy();
    else if (this.#state === 'running') {
      if (this.#body !== null)
        this.#failBody(new PosternError('BODY_INCOMPLETE', 'the client ended its request body early'));
      if (!this.#socket.writableNeedDrain) this.#setDeadline(this.#owner.limits.halfClosedTimeoutMs);
    }
  }

  drained(): void {
    if (this.#state === 'sending') this.#becomeIdle();
    else if (this.#state === 'running') {
      this.#setRunningDeadline();
      this.#answer?.drained();
    }
  }

  /** The last byte was sent: from now on the client has the time for lingering. */
  finished(): void {
    if (this.#state === 'lingering') this.#setDeadline(this.#owner.limits.lingerTimeoutMs);
  }

  closed(): void {
    const answer = this.#answer;
    const body = this.#body;
    this.#state = 'closed';
    this.#answer = null;
    this.#dropRequest();
    this.#owner.removed(this);
    body?.destroy(new PosternError('BODY_INCOMPLETE', 'the client closed the connection within its request body'));
    answer?.gone();
  }

  /** Acts when the present deadline has passed. @param now the time that `deadlineAfter` counts on */
  checkDeadline(now: number): void {
    if (now < this.#deadline) return;
    if (this.#state === 'head') {
      this.#refuse(new PosternError('REQUEST_TIMEOUT', 'the request head took too long to arrive'));
    } else if (this.#state === 'running' && this.#body !== null && !this.#socket.writableNeedDrain) {
      this.#failBody(new PosternError('REQUEST_TIMEOUT', 'the request body took too long to arrive'));
    } else {
      this.#socket.destroy();
    }
  }

  /** The front is closing: what runs may end. A connection on which nothing came yet may have its first request on the way. */
  retire(): void {
    if (this.#state !== 'idle') return;
    if (this.#peer === null) this.#setDeadline(firstRequestMs);
    else this.#linger();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // What an answer asks of its connection.

  get mayKeepAlive(): boolean {
    const isLast = this.#isHalfClosed && this.#waiting === null;
    return this.#requestKeepsAlive && this.#body === null && !this.#owner.isClosing && !isLast;
  }

  get dateLine(): string {
    return this.#owner.dateLine;
  }

  send(data: string | Buffer): boolean {
    const hasRoom = this.#socket.write(data, 'latin1');
    if (!hasRoom) this.#setWriteDeadline();
    else if (this.#isHalfClosed) this.#setDeadline(this.#owner.limits.halfClosedTimeoutMs);
    return hasRoom;
  }

  get isFlushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  get spare(): SpareBlock {
    return this.#owner.spare;
  }

  completed(keepsAlive: boolean): void {
    this.#answer = null;
    if (!keepsAlive || this.#body !== null) this.#linger();
    else if (this.#socket.writableNeedDrain) this.#state = 'sending';
    else this.#becomeIdle();
  }

  cut(looksWhole: boolean): void {
    this.#answer = null;
    if (looksWhole) this.#socket.resetAndDestroy();
    else this.#linger();
  }

  // What a body asks of its connection.

  bodyWanted(body: Http1Body): void {
    if (body !== this.#body) return;
    if (this.#owesContinue && this.#answer?.headSent === false)
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    this.#owesContinue = false;
    if (!this.#socket.writableNeedDrain) this.#setRunningDeadline();
    this.#adjustReading();
  }

  // Requests.

  /** Keeps bytes for when the present request is done; none will be read after one that ends the connection. */
  #hold(chunk: Buffer, from: number): void {
    if (this.#state === 'running' && !this.#requestKeepsAlive) return;
    if (this.#waiting === null) {
      this.#waiting = chunk;
      this.#waitingFrom = from;
    } else {
      this.#waiting = Buffer.concat([this.#waiting.subarray(this.#waitingFrom), chunk.subarray(from)]);
      this.#waitingFrom = 0;
    }
  }

  /** Begins requests as long as there are bytes and none is running. A loop: a handler may answer before it returns. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    while (this.#waiting !== null && (this.#state === 'idle' || this.#state === 'head')) this.#readHead(this.#waiting);
    this.#isAdvancing = false;
    if (this.#state === 'idle' && (this.#isHalfClosed || this.#owner.isClosing)) this.#linger();
    this.#adjustReading();
  }

  #readHead(chunk: Buffer): void {
    let head: RequestHead | null;
    try {
      head = this.#heads.read(chunk, this.#waitingFrom);
    } catch (thrown) {
      this.#refuse(toPosternError(thrown));
      return;
    }
    this.#consumed(this.#waitingFrom + this.#heads.consumed);
    if (head !== null) this.#begin(head);
    else if (this.#state === 'idle') {
      this.#state = 'head';
      this.#setDeadline(this.#owner.limits.headTimeoutMs);
    }
  }

  /** The waiting bytes before `to` were taken. */
  #consumed(to: number): void {
    if (this.#waiting !== null && to >= this.#waiting.length) this.#waiting = null;
    this.#waitingFrom = to;
  }

  #begin(head: RequestHead): void {
    this.#state = 'running';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#requestKeepsAlive = head.keepsAlive;
    let body: Http1Body | null = null;
    if (head.isChunked || (head.contentLength ?? 0) > 0) {
      body = this.#beginBody(head);
      if (this.#state !== 'running') return;
    }
    const answer = new Http1Answer(this, head);
    this.#answer = answer;
    this.#peer ??= peerOf(this.#socket, 'encrypted' in this.#socket);
    const { method, target, version, headers, contentLength } = head;
    try {
      this.#owner.handler({ method, target, version, headers, peer: this.#peer, body, contentLength }, answer);
    } catch (thrown) {
      this.#failAnswer(answer, toPosternError(thrown));
    }
  }

  /** The body with what has come of it, so that a handler finds a small one whole. */
  #beginBody(head: RequestHead): Http1Body {
    const body = new Http1Body(this, head.contentLength);
    this.#body = body;
    this.#owesContinue = head.expectsContinue;
    if (this.#waiting !== null) this.#consumed(this.#receiveBody(body, this.#waiting, this.#waitingFrom));
    return body;
  }

  /** @returns where the body's bytes end in `chunk` */
  #receiveBody(body: Http1Body, chunk: Buffer, from: number): number {
    this.#owesContinue = false;
    let to: number;
    try {
      to = body.receive(chunk, from);
    } catch (thrown) {
      this.#failBody(toPosternError(thrown));
      return chunk.length;
    }
    if (body.isWhole) this.#body = null;
    this.#setRunningDeadline();
    return to;
  }

  /** The body cannot be had: the handler is told, or the client where no handler was asked yet. */
  #failBody(error: PosternError): void {
    const body = this.#body;
    this.#dropRequest();
    this.#requestKeepsAlive = false;
    if (this.#answer === null) this.#refuse(error);
    else this.#setRunningDeadline();
    body?.destroy(error);
  }

  /** A handler must not throw; where one does, its client gets an end, and the process goes on. */
  #failAnswer(answer: Http1Answer, error: PosternError): void {
    this.#owner.log.error({ error }, `the handler of a request threw: ${error.message}`);
    if (!answer.headSent) this.#refuse(error);
    else answer.abort(error);
  }

  #dropRequest(): void {
    this.#body = null;
    this.#waiting = null;
  }

  #refuse(error: PosternError): void {
    const { remoteAddress } = this.#peer ?? peerOf(this.#socket, false);
    this.#owner.log.debug({ code: error.code, client: remoteAddress }, `refused a request: ${error.message}`);
    const { text, bytes } = formatRefusal(error, this.#owner.dateLine);
    this.#socket.write(text, 'latin1');
    this.#owner.onRefused({ error, remoteAddress, bytes });
    this.#linger();
  }

  // Between and after requests.

  #becomeIdle(): void {
    this.#state = 'idle';
    this.#setDeadline(this.#owner.limits.keepAliveTimeoutMs);
    this.#advance();
  }

  /** Ends our side and reads on: a socket that is closed with bytes unread resets, and the client loses the answer (RFC 9112, 9.6). */
  #linger(): void {
    if (this.#state === 'lingering' || this.#state === 'closed') return;
    const body = this.#body;
    this.#state = 'lingering';
    this.#answer = null;
    this.#dropRequest();
    this.#setWriteDeadline();
    this.#socket.end();
    this.#socket.resume();
    body?.destroy();
  }

  /** Pauses the socket while nobody has room for what it would bring. */
  #adjustReading(): void {
    const hasRoom =
      this.#body?.hasRoom ?? (this.#waiting === null || this.#waiting.length - this.#waitingFrom <= maxWaitingBytes);
    if (hasRoom === this.#socket.isPaused()) {
      if (hasRoom) this.#socket.resume();
      else this.#socket.pause();
    }
  }

  #setRunningDeadline(): void {
    const { bodyTimeoutMs, halfClosedTimeoutMs } = this.#owner.limits;
    if (this.#body?.hasRoom) this.#setDeadline(bodyTimeoutMs);
    else if (this.#isHalfClosed) this.#setDeadline(halfClosedTimeoutMs);
    else this.#deadline = Number.POSITIVE_INFINITY;
  }

  /** A client that reads slowly has its time for every unit that waits for it. */
  #setWriteDeadline(): void {
    const units = Math.ceil((this.#socket.writableLength + 1) / writeUnitBytes);
    this.#setDeadline(units * this.#owner.limits.writeTimeoutMs);
  }

  #setDeadline(ms: number): void {
    this.#deadline = this.#owner.deadlineAfter(ms);
  }
}
