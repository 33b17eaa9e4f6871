// One request on a connection to a FastCGI application: its answer's way to the sink, and what is known of it for a retry.

import { type PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { CgiOutput, type CgiOutputLimits } from '../protocol/cgi/output.ts';
import { decodeEnd, refusalOf } from '../protocol/fastcgi/bodies.ts';
import type { BodySender } from './body-sender.ts';

/**
 * How far a request came:
 * `unsent`: not one byte of it has left, so no program can have begun it;
 * `sent`: bytes left, and none came back;
 * `answered`: at least one record of the answer came.
 */
export type Progress = 'unsent' | 'sent' | 'answered';

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
  /**
   * Why it failed; null while it has not. Decides the fate of the worker: with ANSWER_INVALID, OVERLOADED, CANT_MULTIPLEX and
   * UNKNOWN_ROLE the application is alive and kept its protocol; after PROTOCOL_ERROR and CONNECTION_LOST it cannot be used
   * again; CONNECT_FAILED: it was not reached; ANSWER_TIMEOUT: it read nothing for too long; BODY_INCOMPLETE: not its fault.
   */
  readonly error: PosternError | null;
}

/** What an exchange needs of the connection that carries it. */
export interface Carrier {
  /** Its sink takes bytes again. */
  unblocked(): void;
  /** Nobody waits for its answer any more. */
  abandoned(exchange: RecordExchange): void;
}

/** The connection's side of an exchange. */
export class RecordExchange implements ClientExchange {
  readonly id: number;
  readonly request: CgiRequest;
  /** Whether the program was asked to keep the connection. */
  readonly isKept: boolean;
  progress: Progress = 'unsent';
  appStatus = 0;
  hasEnded = false;
  discardedBytes = 0;
  error: PosternError | null = null;
  isAborted = false;
  /** Whether the sink wants no more for now. */
  isBlocked = false;
  /** Sends the bodies; null before it was started. */
  sender: BodySender | null = null;

  readonly #carrier: Carrier;
  readonly #output: CgiOutput;
  /** null once it was told the end, or is not to be called any more. */
  #sink: CgiSink | null;
  #isStdoutClosed = false;
  #isStderrClosed = false;
  #refusal: PosternError | null = null;

  constructor(
    id: number,
    request: CgiRequest,
    sink: CgiSink,
    isKept: boolean,
    carrier: Carrier,
    limits: CgiOutputLimits,
  ) {
    this.id = id;
    this.request = request;
    this.isKept = isKept;
    this.#sink = sink;
    this.#carrier = carrier;
    this.#output = new CgiOutput(sink, limits);
  }

  resume(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    this.#carrier.unblocked();
  }

  abort(): void {
    if (this.isAborted || this.#sink === null) return;
    this.isAborted = true;
    this.#sink = null;
    this.isBlocked = false;
    this.#carrier.abandoned(this);
  }

  /** Content of STDOUT. @returns false when it came out of order */
  stdout(chunk: Buffer): boolean {
    this.progress = 'answered';
    if (this.#isStdoutClosed) return false;
    if (this.#sink === null) {
      this.discardedBytes += chunk.length;
      return true;
    }
    try {
      if (!this.#output.push(chunk) && this.#sink !== null) this.isBlocked = true;
    } catch (thrown) {
      this.fail(toPosternError(thrown));
    }
    return true;
  }

  /** Content of STDERR. @returns false when it came out of order */
  stderr(chunk: Buffer): boolean {
    this.progress = 'answered';
    if (this.#isStderrClosed) return false;
    this.#sink?.stderr(chunk);
    return true;
  }

  /** The end of STDOUT. @returns false when it came before */
  stdoutClosed(): boolean {
    this.progress = 'answered';
    if (this.#isStdoutClosed) return false;
    this.#isStdoutClosed = true;
    return true;
  }

  /** The end of STDERR. @returns false when it came before */
  stderrClosed(): boolean {
    this.progress = 'answered';
    if (this.#isStderrClosed) return false;
    this.#isStderrClosed = true;
    return true;
  }

  /** END_REQUEST; the sink is told by `finish()`, when the chunk that it came in was read to its end. */
  ended(body: Buffer): void {
    const { appStatus, protocolStatus } = decodeEnd(body);
    this.progress = 'answered';
    this.appStatus = appStatus;
    this.hasEnded = true;
    this.#refusal = refusalOf(protocolStatus);
  }

  /** Nothing more is at hand. */
  flush(): void {
    this.#sink?.flush();
  }

  /** Tells the sink how the request ended. */
  finish(): void {
    if (this.#sink === null) return;
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
    const sink = this.#sink;
    this.#sink = null;
    sink.end();
  }

  /** Tells the sink of a failure, unless it was told of an end before; it is not called any more. */
  fail(error: PosternError): void {
    this.error ??= error;
    this.isBlocked = false;
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(error);
  }
}
