// One connection that a worker can serve at a time: made when there is something to send, and begun with the probe where the worker preforks.

import type { ClientConnection, ConnectionOwner } from '../connection/client-connection.ts';
import type { ClientExchange } from '../connection/client-exchange.ts';
import { type ErrorCode, type PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import type { LaneProcess } from './lane-process.ts';
import { ProbeSink, probeRequest } from './probe-sink.ts';
import type { Program } from './program.ts';

/** How a request ended, seen from its lane. */
export interface LaneOutcome {
  /** Why it failed; null: the answer was complete. */
  readonly code: ErrorCode | null;
  /** Whether the program has said that it is done with the request. */
  readonly isDone: boolean;
  /** Whether the client left before the end. */
  readonly isAborted: boolean;
}

/** Who runs a request on a lane. */
export interface LaneUser extends CgiSink {
  /** The lane has no request any more. Never called from within `run()`. */
  released(lane: Lane, outcome: LaneOutcome): void;
}

/** What a lane tells its worker's owner. */
export interface LaneEvents {
  /** It has learnt which process it speaks with, or does not know it any more. */
  laneKnown(lane: Lane): void;
  /** Its connection was closed by the other side while it had no request. */
  laneLost(lane: Lane, process: LaneProcess): void;
}

/** What a lane needs of its worker. */
export interface LaneWorker {
  readonly program: Program;
  readonly pid: number;
  /** Opens a connection to the program. */
  connect(owner: ConnectionOwner): ClientConnection;
  /** The process with this id, from now on known. */
  meet(pid: number): LaneProcess;
}

export class Lane implements ConnectionOwner {
  /** Its place on the scoreboard; set by whoever puts it there. */
  slot = -1;
  readonly #worker: LaneWorker;
  readonly #events: LaneEvents;
  #connection: ClientConnection | null = null;
  #process: LaneProcess | null = null;
  #exchange: ClientExchange | null = null;
  #probe: ProbeSink | null = null;
  #request: CgiRequest | null = null;
  #user: LaneUser | null = null;
  #isAborted = false;
  /** Its connection takes no other request; that it will be closed is no loss. */
  #isSpent = false;
  #onProbed: ((error: PosternError | null) => void) | null = null;

  constructor(worker: LaneWorker, events: LaneEvents) {
    this.#worker = worker;
    this.#events = events;
  }

  /** The process behind it, or that was when its last request ended; null while that is not known. */
  get process(): LaneProcess | null {
    return this.#process;
  }

  get isConnected(): boolean {
    return this.#connection !== null && !this.#isSpent;
  }

  /** Whether not one byte of the request it runs has left. */
  get isUnbegun(): boolean {
    return this.#exchange === null || this.#exchange.progress === 'unsent';
  }

  /** Bytes of an answer that came after the abort. */
  get discardedBytes(): number {
    return this.#exchange?.discardedBytes ?? 0;
  }

  /**
   * Gives a request to the program. The sink is not called before this returns.
   * @throws PARAMS_TOO_LARGE: then nothing was sent, and the lane has no request
   */
  run(request: CgiRequest, user: LaneUser): void {
    this.#user = user;
    this.#request = request;
    this.#isAborted = false;
    if (this.#connection?.isReusable) this.#send(this.#connection);
    else this.#connect();
  }

  /** The user's sink takes bytes again. */
  resume(): void {
    this.#exchange?.resume();
  }

  /** The user's sink is called no more; `released` follows when the program is done with the request. */
  abort(): void {
    if (this.#user === null || this.#isAborted) return;
    this.#isAborted = true;
    this.#exchange?.abort();
  }

  /** Connects and probes without a request. */
  probe(done: (error: PosternError | null) => void): void {
    this.#onProbed = done;
    this.#connect();
  }

  /** Closes the connection: the user, if any, is not told of it. Repeatable. */
  close(): void {
    const connection = this.#connection;
    this.#forget();
    this.#user = null;
    this.#request = null;
    this.#exchange = null;
    this.#probe = null;
    this.#onProbed = null;
    connection?.destroy();
  }

  /** See ConnectionOwner. */
  released(connection: ClientConnection, exchange: ClientExchange): void {
    if (connection !== this.#connection) return;
    if (this.#probe !== null) {
      this.#probed(connection);
      return;
    }
    const user = this.#user;
    if (exchange !== this.#exchange || user === null) return;
    const outcome = {
      code: exchange.error === null ? null : codeOf(exchange.error),
      isDone: exchange.hasEnded,
      isAborted: this.#isAborted,
    };
    this.#user = null;
    this.#request = null;
    this.#exchange = null;
    this.#isSpent = !connection.isReusable;
    user.released(this, outcome);
  }

  /** See ConnectionOwner. */
  closed(connection: ClientConnection): void {
    if (connection !== this.#connection) return;
    const process = this.#process;
    const isLoss = !this.#isSpent && process !== null;
    this.#forget();
    if (isLoss) this.#events.laneLost(this, process);
    else this.#events.laneKnown(this);
  }

  #connect(): void {
    const { program, pid } = this.#worker;
    this.#forget();
    this.#connection = this.#worker.connect(this);
    if (program.probe === null) {
      this.#process = this.#worker.meet(pid);
      this.#events.laneKnown(this);
      if (this.#request !== null) this.#send(this.#connection);
      return;
    }
    this.#probe = new ProbeSink();
    this.#connection.run(probeRequest(program.probe), this.#probe, true);
  }

  #send(connection: ClientConnection): void {
    const request = this.#request!;
    const { reuse } = this.#worker.program;
    // CVE-2026-129289: of a body that a script did not read, an older PHP takes the rest for its next records.
    const keep = reuse === 'always' || (reuse === 'bodiless' && request.body === null);
    try {
      this.#exchange = connection.run(request, this.#user!, keep);
    } catch (error) {
      this.#user = null;
      this.#request = null;
      throw error;
    }
  }

  #probed(connection: ClientConnection): void {
    const { pid, error } = this.#probe!;
    this.#probe = null;
    const done = this.#onProbed;
    this.#onProbed = null;
    if (error === null) {
      this.#process = this.#worker.meet(pid);
      this.#events.laneKnown(this);
    } else {
      this.#forget();
      connection.destroy();
    }
    if (done !== null) done(error);
    else if (this.#user !== null) this.#runAfterProbe(connection, error);
  }

  #runAfterProbe(connection: ClientConnection, error: PosternError | null): void {
    const user = this.#user!;
    let failure = error;
    if (failure === null && !this.#isAborted) {
      try {
        this.#send(connection);
        return;
      } catch (thrown) {
        failure = toPosternError(thrown);
      }
    }
    this.#user = null;
    this.#request = null;
    if (failure !== null && !this.#isAborted) user.fail(failure);
    user.released(this, {
      code: failure === null ? null : codeOf(failure),
      isDone: error === null,
      isAborted: this.#isAborted,
    });
  }

  #forget(): void {
    this.#connection = null;
    this.#isSpent = false;
    // The next connection may be taken by another child; without children there is but one process.
    if (this.#worker.program.probe !== null) this.#process = null;
  }
}

/** What connect(2) fails with where it is we who have no room. */
const shortages: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** The code that decides a process's fate: that we have no descriptor left is no fault of a worker. */
export function codeOf({ code, cause }: PosternError): ErrorCode {
  const isShortage = code === 'CONNECT_FAILED' && shortages.has((cause as NodeJS.ErrnoException | undefined)?.code);
  return isShortage ? 'OVERLOADED' : code;
}
