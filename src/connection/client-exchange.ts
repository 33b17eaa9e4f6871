// The requests on a connection to a FastCGI application: each one's answer on its way to the sink, and what is known of it for a retry; and those that run, by
// their ids.
//
//   the program:  unsent -> sent -> answered -> ended        the one who asked:  taking <-> held -> told
//                              \-> silent                                          \-------\---> left

import { type PosternError, toPosternError } from '../errors.ts';
import { CgiOutput, type CgiOutputLimits, type KnownHeads } from '../protocol/cgi/cgi-output.ts';
import type { CgiRequest, CgiSink, Exchange, Progress } from '../protocol/cgi/exchange.ts';
import { decodeEnd, refusalOf } from '../protocol/fastcgi/record.ts';

/** How far the program is. After END_REQUEST: `ended`, or `silent` where not a byte had come before it. */
type Stage = Progress | 'ended' | 'silent';

const stageMoves: Readonly<Record<Stage, readonly Stage[]>> = {
  unsent: ['sent', 'answered', 'silent'],
  sent: ['answered', 'silent'],
  answered: ['ended'],
  ended: [],
  silent: [],
};

/** What the one who asked wants: more; no more for now; nothing, having been told the end; nothing, having left before it. */
type Asker = 'taking' | 'held' | 'told' | 'left';

const askerMoves: Readonly<Record<Asker, readonly Asker[]>> = {
  taking: ['held', 'told', 'left'],
  held: ['taking', 'told', 'left'],
  told: [],
  left: [],
};

/**
 * A request that was given to a connection. It ends twice: for the sink, with `end` or `fail`; and for the program, when
 * the connection tells its owner `released` (later than the first after an abort or an invalid answer).
 */
export interface ClientExchange extends Exchange {
  readonly request: CgiRequest;
  readonly progress: Progress;
  /** From END_REQUEST; 0 before it. */
  readonly appStatus: number;
  /** Whether END_REQUEST came, complete or not. */
  readonly hasEnded: boolean;
  /** Bytes of the answer that came when nobody waited for it any more: the program goes on writing after an abort. */
  readonly discardedBytes: number;
  /** Whether `abort()` was called before its end. */
  readonly isAborted: boolean;
  /** Whether what comes next is the client's to send: all of the body that came has left, and it goes on. */
  readonly awaitsBody: boolean;
  /**
   * Why it failed; null while it has not. Decides what becomes of the worker: with ANSWER_INVALID, OVERLOADED, CANT_MULTIPLEX and
   * UNKNOWN_ROLE the application is alive and kept its protocol; after PROTOCOL_ERROR and CONNECTION_LOST it cannot be used
   * again; CONNECT_FAILED: it was not reached; ANSWER_TIMEOUT: it read nothing for too long; BODY_INCOMPLETE: not its fault.
   */
  readonly error: PosternError | null;
}

/** What an exchange needs of the connection that carries it. */
export interface Carrier {
  /** See ConnectionOptions. */
  readonly tellsFailures: boolean;
  /** Its sink takes bytes again. */
  unblocked(): void;
  /** Nobody waits for its answer any more. */
  abandoned(exchange: RecordExchange): void;
}

/** What sends the bodies of a request: see `body-sender.ts`. */
export interface Sender {
  /** Whether all of the request was handed to the socket. */
  readonly isDone: boolean;
  readonly awaitsBody: boolean;
  pump(): void;
  stop(): void;
}

/** The connection's side of an exchange. */
export class RecordExchange implements ClientExchange {
  readonly id: number;
  readonly request: CgiRequest;
  appStatus = 0;
  discardedBytes = 0;
  error: PosternError | null = null;
  /** Sends the bodies; null where there is none. */
  sender: Sender | null = null;

  readonly #carrier: Carrier;
  readonly #sink: CgiSink;
  readonly #output: CgiOutput;
  #stage: Stage = 'unsent';
  #asker: Asker = 'taking';
  #isStdoutClosed = false;
  #isStderrClosed = false;
  #refusal: PosternError | null = null;

  constructor(
    id: number,
    request: CgiRequest,
    sink: CgiSink,
    carrier: Carrier,
    limits: CgiOutputLimits,
    known: KnownHeads | null = null,
  ) {
    this.id = id;
    this.request = request;
    this.#sink = sink;
    this.#carrier = carrier;
    this.#output = new CgiOutput(sink, limits, known);
  }

  get progress(): Progress {
    if (this.#stage === 'ended') return 'answered';
    return this.#stage === 'silent' ? 'sent' : this.#stage;
  }

  get hasEnded(): boolean {
    return this.#stage === 'ended' || this.#stage === 'silent';
  }

  get isAborted(): boolean {
    return this.#asker === 'left';
  }

  /** Whether the sink wants no more for now. */
  get isBlocked(): boolean {
    return this.#asker === 'held';
  }

  /** Whether all of it was handed to the socket. */
  get isSent(): boolean {
    return this.sender === null || this.sender.isDone;
  }

  get awaitsBody(): boolean {
    return this.sender?.awaitsBody ?? false;
  }

  resume(): void {
    if (this.#asker !== 'held') return;
    this.#ask('taking');
    this.#carrier.unblocked();
  }

  abort(): void {
    if (!this.#isAsked()) return;
    this.#ask('left');
    this.#carrier.abandoned(this);
  }

  /** Bytes of it have left. */
  sent(): void {
    if (this.#stage === 'unsent') this.#advance('sent');
  }

  /** Something of an answer came: a byte is enough, though its record is not there. */
  answered(): void {
    if (this.#stage !== 'answered') this.#advance('answered');
  }

  /** Content of STDOUT. @returns false when it came out of order */
  stdout(chunk: Buffer): boolean {
    this.answered();
    if (this.#isStdoutClosed) return false;
    if (!this.#isAsked()) {
      this.discardedBytes += chunk.length;
      return true;
    }
    try {
      if (!this.#output.push(chunk) && this.#asker === 'taking') this.#ask('held');
    } catch (thrown) {
      this.fail(toPosternError(thrown));
    }
    return true;
  }

  /** Content of STDERR. @returns false when it came out of order */
  stderr(chunk: Buffer): boolean {
    this.answered();
    if (this.#isStderrClosed) return false;
    if (this.#isAsked()) this.#sink.stderr(chunk);
    return true;
  }

  /** The end of STDOUT. @returns false when it came before */
  stdoutClosed(): boolean {
    if (this.#isStdoutClosed) return false;
    this.#isStdoutClosed = true;
    return true;
  }

  /** The end of STDERR. @returns false when it came before */
  stderrClosed(): boolean {
    if (this.#isStderrClosed) return false;
    this.#isStderrClosed = true;
    return true;
  }

  /** END_REQUEST; the sink is told by `finish()`, when the chunk that it came in was read to its end. */
  ended(body: Buffer): void {
    const { appStatus, protocolStatus } = decodeEnd(body);
    this.#advance(this.#stage === 'answered' ? 'ended' : 'silent');
    this.appStatus = appStatus;
    this.#refusal = refusalOf(protocolStatus);
  }

  /** Nothing more is at hand. */
  flush(): void {
    if (this.#isAsked()) this.#sink.flush();
  }

  /** Tells the sink how the request ended. */
  finish(): void {
    if (!this.#isAsked()) return;
    if (this.#refusal !== null) {
      this.fail(this.#refusal);
      return;
    }
    try {
      this.#output.end();
    } catch (thrown) {
      this.fail(toPosternError(thrown));
      return;
    }
    this.#ask('told');
    this.#sink.end();
  }

  /** Tells the sink of a failure, unless it was told of an end before; it is not called any more. */
  fail(error: PosternError): void {
    this.error ??= error;
    if (!this.#isAsked()) return;
    this.#ask('told');
    if (this.#carrier.tellsFailures) this.#sink.fail(error);
  }

  /** Whether somebody waits for the answer. No getter: V8 asks its runtime for a private one, each time. */
  #isAsked(): boolean {
    return this.#asker === 'taking' || this.#asker === 'held';
  }

  #advance(to: Stage): void {
    const from = this.#stage;
    const isBegun = (from === 'unsent' && to === 'sent') || (from === 'sent' && to === 'answered');
    const isUsual = isBegun || (from === 'answered' && to === 'ended');
    if (!isUsual && !stageMoves[from].includes(to)) throw new Error(`an exchange cannot go from ${from} to ${to}`);
    this.#stage = to;
  }

  #ask(to: Asker): void {
    const from = this.#asker;
    const isUsual = from === 'taking' && to === 'told';
    if (!isUsual && !askerMoves[from].includes(to)) throw new Error(`an asker cannot go from ${from} to ${to}`);
    this.#asker = to;
  }
}

/**
 * Request ids go round, so that a record which an application sends after the end of its request is seen as
 * one of a request that is not running, instead of becoming part of the next one.
 */
const LAST_ID = 255;

/** How many of the requests that ended last are known by their names. */
const REMEMBERED = 64;

/** A request that has ended. */
export interface EndedRequest {
  readonly method: string;
  readonly url: string;
}

/** One as a rule; several where the application multiplexes. */
export class RunningExchanges implements Iterable<RecordExchange> {
  // A list and not a Map: a Map whose only entry comes and goes makes a new table every few requests, and each old table refers
  // to the next. Once one of them has grown old, all that follow live until a full collection, with the requests in them.
  readonly #list: RecordExchange[] = [];
  #lastId = 0;
  #highestId = 0;
  /** Those that ended last, round and round; names only, since a request holds its body. */
  readonly #ended: { id: number; method: string; url: string }[] = [];
  #endedAt = 0;

  get size(): number {
    return this.#list.length;
  }

  /** Whether every id is taken. */
  get isFull(): boolean {
    return this.#list.length >= LAST_ID;
  }

  /** Whether the sink of one wants no more for now. */
  get isBlocked(): boolean {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 1) if (list[at]!.isBlocked) return true;
    return false;
  }

  get(id: number): RecordExchange | undefined {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 1) if (list[at]!.id === id) return list[at];
    return undefined;
  }

  /** An id for the next exchange to be added, for which there must be room. */
  nextId(): number {
    let id = this.#lastId;
    do id = (id % LAST_ID) + 1;
    while (this.get(id) !== undefined);
    return id;
  }

  add(exchange: RecordExchange): void {
    this.#list.push(exchange);
    this.#lastId = exchange.id;
    this.#highestId = Math.max(this.#highestId, exchange.id);
  }

  delete(exchange: RecordExchange): void {
    const at = this.#list.indexOf(exchange);
    if (at < 0) return;
    if (at === this.#list.length - 1) this.#list.pop();
    else this.#list.splice(at, 1);
    const { id, request } = exchange;
    const { method, url } = request;
    const slot = this.#ended[this.#endedAt];
    if (slot === undefined) this.#ended.push({ id, method, url });
    else {
      slot.id = id;
      slot.method = method;
      slot.url = url;
    }
    this.#endedAt = (this.#endedAt + 1) % REMEMBERED;
  }

  /** Whether an exchange with this id was ever added. */
  hasUsed(id: number): boolean {
    return id > 0 && id <= this.#highestId;
  }

  /** The request that had this id last; null: others have ended since. */
  ended(id: number): EndedRequest | null {
    return this.#ended.find((one) => one.id === id) ?? null;
  }

  /** Takes all of them out. */
  takeAll(): readonly RecordExchange[] {
    return this.#list.splice(0);
  }

  [Symbol.iterator](): ArrayIterator<RecordExchange> {
    return this.#list.values();
  }
}
