// One HTTP/1.1 connection (RFC 9112, section 9): requests one after another, in their order, each given to the handler.

import type { Socket } from 'node:net';
import { SocketWriter } from '../connection/plain-socket.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { Peer, Tunnel, TunnelInput } from '../gateway/message.ts';
import type { RequestHead } from '../protocol/http/http1-head.ts';
import { Http1Input } from '../protocol/http/http1-head-reader.ts';
import { peerOf, plainAddress, reset, unsentBytes } from './client-socket.ts';
import { type AnswerConnection, Http1Answer, type SpareBlock } from './http1-answer.ts';
import { type BodyConnection, Http1Body } from './http1-body.ts';
import { formatRefusal } from './http1-refusal.ts';
import type { ConnectionOwner, ConnectionState, FrontConnection } from './http1-states.ts';
import { Http1Deadline, moveConnection } from './http1-states.ts';

/** A connection. Those methods that are named in the past tense are called by its socket. */
export class Http1Connection implements AnswerConnection, BodyConnection, FrontConnection {
  slot = -1;
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #owner: ConnectionOwner;
  /** Kept, since a socket that is closed does not tell it any more. */
  readonly address: string;
  #peer: Peer | null = null;
  #state: ConnectionState = 'idle';
  readonly #deadline: Http1Deadline;
  /** What came and was not looked at. */
  readonly #input: Http1Input;
  #answer: Http1Answer | null = null;
  /** The running request's body, until its last byte came. */
  #body: Http1Body | null = null;
  /** Who takes what the client sends, once the connection is a tunnel. */
  #tunnel: TunnelInput | null = null;
  #requestKeepsAlive = true;
  #owesContinue = false;
  #isHalfClosed = false;
  #isAdvancing = false;
  readonly #tellPeer: () => Peer;
  readonly #askTaken = (closely: boolean): number => unsentBytes(this.#socket, closely);

  constructor(socket: Socket, owner: ConnectionOwner, known: Peer | null = null) {
    this.#socket = socket;
    this.#writer = new SocketWriter(socket, () => this.#drained());
    this.#owner = owner;
    this.#input = new Http1Input(owner.fields);
    this.address = known?.remoteAddress ?? plainAddress(socket.remoteAddress);
    this.#tellPeer = known === null ? () => peerOf(socket, 'encrypted' in socket) : () => known;
    this.#deadline = new Http1Deadline(owner);
    this.#deadline.forHead();
  }

  /** It is new, and others have to go first. */
  wait(): void {
    this.#move('waiting');
    this.#deadline.none();
    this.#socket.pause();
  }

  /** See Waiting. */
  enter(): void {
    if (this.#state !== 'waiting') return;
    this.#move('idle');
    this.#deadline.forHead();
    this.#socket.resume();
  }

  leaveIfIdle(): boolean {
    if (this.#state !== 'idle' || this.#peer === null || !this.#input.isEmpty) return false;
    this.#socket.destroy();
    return true;
  }

  /** The client sent bytes, which are lent: what is left of them is copied. */
  received(chunk: Buffer): void {
    if (this.#state === 'lingering' || this.#state === 'closed') return;
    const from = this.#body === null ? 0 : this.#receiveBody(this.#body, chunk, 0);
    // After a request that ends the connection none is read.
    if (this.#state !== 'running' || this.#requestKeepsAlive) this.#input.add(chunk, from);
    this.#advance();
    this.#input.keep(chunk);
  }

  /** The client sends nothing more. It may still read, so what runs goes on for a while. */
  ended(): void {
    this.#isHalfClosed = true;
    if (this.#state === 'idle') this.#linger();
    else if (this.#state === 'head') this.#socket.destroy();
    else if (this.#tunnel !== null) this.#tunnel.ended();
    else if (this.#state === 'running') {
      if (this.#body !== null)
        this.#failBody(new PosternError('BODY_INCOMPLETE', 'the client ended its request body early'));
      if (!this.#writer.isFull) this.#deadline.forHalfClosed();
    }
  }

  #drained(): void {
    if (this.#state === 'sending') this.#becomeIdle();
    else if (this.#state === 'running') {
      this.#setRunningDeadline();
      this.#answer?.drained();
    }
  }

  /** The last byte was sent: from now on the client has the time for lingering. */
  finished(): void {
    if (this.#state === 'lingering') this.#deadline.forLingering();
  }

  closed(): void {
    const answer = this.#answer;
    const body = this.#body;
    this.#move('closed');
    this.#answer = null;
    this.#body = null;
    this.#input.drop();
    this.#owner.removed(this);
    body?.destroy(new PosternError('BODY_INCOMPLETE', 'the client closed the connection within its request body'));
    answer?.gone();
  }

  checkDeadline(now: number): void {
    if (this.#body !== null && this.#state === 'running') this.#checkBodyRate(this.#body, now);
    if (!this.#deadline.isOver(now)) return;
    if (this.#state === 'head') {
      this.#refuse(new PosternError('REQUEST_TIMEOUT', 'the request head took too long to arrive'));
    } else if (this.#state === 'running' && this.#body !== null && !this.#writer.isFull) {
      this.#failBody(
        new PosternError('REQUEST_TIMEOUT', 'the request body took too long to arrive', { limit: 'bodyTimeout' }),
      );
    } else {
      if (this.#state === 'running' || this.#state === 'sending') this.#owner.tellStarved(this.#client);
      this.#socket.destroy();
    }
  }

  /** As the log shows it. */
  get #client(): string {
    return this.#peer?.remoteAddress ?? this.address;
  }

  #checkBodyRate(body: Http1Body, now: number): void {
    const rate = body.rateAt(now, !this.#writer.isFull);
    if (!this.#owner.isTooSlow(rate, this.#client)) return;
    const message = `the request body came with ${Math.round(rate)} bytes a second: see minBodyRate`;
    this.#failBody(new PosternError('REQUEST_TIMEOUT', message));
  }

  /** The front is closing: what runs may end. A connection on which nothing came yet may have its first request on the way. */
  retire(): void {
    if (this.#state === 'waiting') this.#socket.destroy();
    if (this.#state !== 'idle') return;
    if (this.#peer === null) this.#deadline.forFirstRequest();
    else this.#linger();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // What an answer asks of its connection.

  get mayKeepAlive(): boolean {
    const isLast = this.#isHalfClosed && this.#input.isEmpty;
    // Its place is wanted.
    const { isWanted } = this.#owner.clients;
    return this.#requestKeepsAlive && this.#body === null && !this.#owner.isClosing && !isLast && !isWanted;
  }

  get dateLine(): string {
    return this.#owner.time.dateLine;
  }

  send(data: string | Buffer): boolean {
    const hasRoom = this.#writer.write(data);
    if (!hasRoom) this.#awaitClient(this.#answer?.listener?.writeTimeoutMs);
    else if (this.#isHalfClosed) this.#deadline.forHalfClosed();
    return hasRoom;
  }

  taken(closely: boolean): number {
    return unsentBytes(this.#socket, closely);
  }

  get isFlushed(): boolean {
    return this.#writer.isEmpty;
  }

  get spare(): SpareBlock {
    return this.#owner.spare;
  }

  completed(keepsAlive: boolean): void {
    if (!keepsAlive || this.#body !== null) this.#linger();
    else if (this.#writer.isFull) this.#move('sending');
    else this.#becomeIdle();
  }

  cut(looksWhole: boolean): void {
    if (looksWhole) reset(this.#socket);
    else this.#linger();
  }

  openTunnel(input: TunnelInput): Tunnel {
    this.#tunnel = input;
    this.#socket.setKeepAlive(true, 60_000);
    queueMicrotask(() => this.#advance());
    return { resume: () => this.#advance() };
  }

  // What a body asks of its connection.

  bodyWanted(body: Http1Body): void {
    if (body !== this.#body) return;
    if (this.#owesContinue && this.#answer?.headSent === false) this.#writer.write('HTTP/1.1 100 Continue\r\n\r\n');
    this.#owesContinue = false;
    if (!this.#writer.isFull) this.#setRunningDeadline();
    this.#adjustReading();
  }

  // Requests.

  /** Begins requests as long as there are bytes and none is running. A loop: a handler may answer before it returns. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    if (this.#tunnel?.received(this.#input.peek()) === true) this.#input.drop();
    while (!this.#input.isEmpty && (this.#state === 'idle' || this.#state === 'head')) this.#readHead();
    this.#isAdvancing = false;
    // The rest of a head that a client began before it left will not come.
    if (this.#state === 'head' && this.#isHalfClosed) this.#linger();
    if (this.#state === 'idle' && (this.#isHalfClosed || this.#owner.isClosing)) this.#linger();
    this.#adjustReading();
  }

  #readHead(): void {
    let head: RequestHead | null;
    try {
      head = this.#input.readHead();
    } catch (thrown) {
      this.#refuse(toPosternError(thrown));
      return;
    }
    if (head !== null) this.#begin(head);
    else if (this.#state === 'idle') {
      this.#move('head');
      this.#deadline.forHead();
    }
  }

  #begin(head: RequestHead): void {
    this.#move('running');
    this.#deadline.none();
    this.#requestKeepsAlive = !this.#deadline.beginsLast() && head.keepsAlive;
    let body: Http1Body | null = null;
    if (head.isChunked || (head.contentLength ?? 0) > 0) {
      body = this.#beginBody(head);
      if (this.#state !== 'running') return;
    }
    const answer = new Http1Answer(this, head);
    this.#answer = answer;
    this.#peer ??= this.#tellPeer();
    const { method, target, version, headers, contentLength, made } = head;
    try {
      this.#owner.handler({ method, target, version, headers, peer: this.#peer, body, contentLength, made }, answer);
    } catch (thrown) {
      this.#failAnswer(answer, toPosternError(thrown));
    }
  }

  /** The body with what has come of it, so that a handler finds a small one whole. */
  #beginBody(head: RequestHead): Http1Body {
    const body = new Http1Body(this, head.contentLength);
    this.#body = body;
    this.#owesContinue = head.expectsContinue;
    if (!this.#input.isEmpty) this.#input.take(this.#receiveBody(body, this.#input.peek(), 0));
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
    this.#body = null;
    this.#input.drop();
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

  #refuse(error: PosternError): void {
    const { remoteAddress } = this.#peer ?? this.#tellPeer();
    this.#owner.tellRefused(error, remoteAddress);
    const { text, bytes } = formatRefusal(error, this.#owner.time.dateLine);
    this.#writer.write(text);
    this.#owner.onRefused({ error, remoteAddress, bytes });
    this.#linger();
  }

  // Between and after requests.

  #becomeIdle(): void {
    this.#move('idle');
    this.#answer = null;
    this.#deadline.forNextRequest();
    this.#advance();
  }

  /** Ends our side and reads on: a socket that is closed with bytes unread resets, and the client loses the answer (RFC 9112, 9.6). */
  #linger(): void {
    if (this.#state === 'lingering' || this.#state === 'closed') return;
    this.#awaitClient(this.#answer?.listener?.writeTimeoutMs);
    this.#move('lingering');
    this.#answer = null;
    this.#body?.destroy();
    this.#body = null;
    this.#input.drop();
    this.#socket.end();
    this.#socket.resume();
  }

  /** What was sent waits for the client. @param timeoutMs how long it may take nothing of it; 0: no limit */
  #awaitClient(timeoutMs: number = this.#owner.limits.writeTimeoutMs): void {
    this.#deadline.forWriting(timeoutMs, this.#askTaken);
  }

  /** Pauses the socket while nobody has room for what it would bring. */
  #adjustReading(): void {
    const hasRoom = this.#body?.hasRoom ?? this.#input.hasRoom;
    if (hasRoom === this.#socket.isPaused()) this.#socket[hasRoom ? 'resume' : 'pause']();
  }

  #setRunningDeadline(): void {
    if (this.#body?.hasRoom) this.#deadline.forBody();
    else if (this.#isHalfClosed) this.#deadline.forHalfClosed();
    else this.#deadline.none();
  }
  #move(to: ConnectionState): void {
    this.#state = moveConnection(this.#state, to);
  }
}
