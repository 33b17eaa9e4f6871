// One connection that a worker can serve at a time: made when there is something to send, begun with the probe where the worker preforks.

import type { Clock, Timer } from '../clock.ts';
import type { ClientConnection, ConnectionOwner } from '../connection/client-connection.ts';
import type { ClientExchange, EndedRequest } from '../connection/client-exchange.ts';
import { isBroken, isUnread } from '../connection/lost-connection.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, Progress } from '../protocol/cgi/exchange.ts';
import type { ProcessEnd, SeatUser } from '../queue/seat.ts';
import type { Exit } from './exit.ts';
import { asTold, failureOf, type LaneEvents, type LaneHandle, type LaneWorker, mayResend } from './lane-handle.ts';
import type { LaneProcess, ProcessEnding } from './lane-process.ts';
import { ProbeSink, probeRequest } from './probe-sink.ts';
import { awaitsConnection } from './process-look.ts';
import { isGone } from './process-table.ts';
import type { Program } from './program.ts';
import { type LinkState, linkMoves } from './state.ts';

/** A probe that is not answered for so long never will be: the process is stopped, or hangs. */
const probeTimeoutMs = 5_000;
/** Foreign processes that are ended before a connection is given up. */
const mostForeign = 8;
/** After a connection broke, its process is looked at so often: it closes its sockets a moment before it is seen to have ended. */
const looksMs = [0, 2, 10, 40, 150];

export class Lane implements LaneHandle, ConnectionOwner {
  slot = -1;
  readonly #worker: LaneWorker;
  readonly #clock: Clock;
  readonly #events: LaneEvents;
  #link: LinkState = 'none';
  #connection: ClientConnection | null = null;
  #process: LaneProcess | null = null;
  #exchange: ClientExchange | null = null;
  #probe: ProbeSink | null = null;
  #foreign = 0;
  #request: CgiRequest | null = null;
  #isAborted = false;
  /** When its request was sent on a connection that had served before; null: that had not. */
  #reusedAtMs: number | null = null;
  /** Who has it; null: nobody, or he wants to hear no more. */
  #user: SeatUser | null = null;
  #ending: ProcessEnding | null = null;
  /** Of the probe, or until the process behind a broken connection is looked at again. */
  #timer: Timer | null = null;
  #onProbed: ((error: PosternError | null) => void) | null = null;

  constructor(worker: LaneWorker, events: LaneEvents) {
    this.#worker = worker;
    this.#clock = worker.clock;
    this.#events = events;
  }

  /** See LaneHandle. */
  get process(): LaneProcess | null {
    return this.#process;
  }

  /** See Seat. */
  get progress(): Progress {
    return this.#exchange?.progress ?? 'unsent';
  }

  /** See Seat. */
  get processEnd(): ProcessEnd | null {
    return this.#ending?.end ?? null;
  }

  /** See LaneHandle. */
  get exit(): Exit | null {
    return this.#ending?.exit ?? null;
  }

  /** See LaneHandle. */
  get isConnected(): boolean {
    return this.#link === 'free';
  }

  /** See Seat. */
  get discardedBytes(): number {
    return this.#exchange?.discardedBytes ?? 0;
  }

  /** See Seat. */
  get awaitsBody(): boolean {
    return this.#exchange?.awaitsBody ?? false;
  }

  /** See Seat. */
  get pid(): number {
    return this.#process?.pid ?? (this.#worker.program.preforks ? 0 : this.#worker.pid);
  }

  /** See Seat. */
  run(request: CgiRequest, user: SeatUser): void {
    this.#user = user;
    this.#request = request;
    this.#isAborted = false;
    this.#ending = null;
    this.#exchange = null;
    const { program } = this.#worker;
    const isKept =
      this.#events.isReused(program) && !needsNew(program, request) && (request.idempotent || this.#isThere());
    if (isKept && this.#link === 'free' && this.#connection!.isReusable) {
      this.#reusedAtMs = this.#clock.now();
      this.#send(this.#connection!);
    } else {
      this.#connect();
    }
  }

  /** See Seat. */
  resume(): void {
    this.#exchange?.resume();
  }

  /** See Seat. */
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

  /** See LaneHandle. */
  break(): void {
    if (this.#link === 'busy' || this.#link === 'probing') {
      this.#connection?.destroy(new PosternError('CONNECTION_LOST', 'the process that had the request has ended'));
    }
  }

  /** Whether its process is there still: something that it started may hold its connection open, and what cannot be sent again would be lost. */
  #isThere(): boolean {
    return this.#process === null || !isGone(this.#process.pid);
  }

  /** See Seat. A preforked child reads: it has nothing else to do. So does an application of ours. */
  lookForSilence(nowMs: number, silentMs: number): boolean {
    if (this.#reusedAtMs === null || this.#link !== 'busy' || this.#isAborted || this.awaitsBody) return false;
    const { program } = this.#worker;
    if (program.preforks || program.answersValues === true) return false;
    if (this.progress === 'answered' || nowMs - this.#reusedAtMs < silentMs) return false;
    // Whoever does not read waits for a connection; who does not wait for one is at work.
    const isIdle = awaitsConnection(this.pid) ?? true;
    this.#reusedAtMs = isIdle ? null : nowMs;
    if (!isIdle) return false;
    const isResent = mayResend(this.#request!);
    this.#events.laneSilent(this, program, isResent);
    if (isResent) this.#connect();
    return isResent;
  }

  /** See LaneHandle. */
  close(): void {
    const connection = this.#connection;
    this.#user = null;
    this.#request = null;
    this.#onProbed = null;
    this.#forget();
    connection?.destroy();
  }

  /** See ConnectionOwner. */
  released(connection: ClientConnection, exchange: ClientExchange): void {
    if (connection !== this.#connection) return;
    if (this.#probe !== null) {
      this.#probed(connection, exchange.error);
      return;
    }
    if (exchange !== this.#exchange || this.#user === null) return;
    const failure = exchange.error === null ? null : failureOf(exchange.error, exchange.appStatus);
    if (failure === null || !isBroken(failure)) this.#finish(failure, connection.isReusable ? 'free' : 'spent');
    else {
      this.#move('settling');
      this.#settle(failure, 0);
    }
  }

  /** See ConnectionOwner. */
  closed(connection: ClientConnection): void {
    if (connection !== this.#connection) return;
    if (this.#link === 'settling') {
      this.#connection = null;
      return;
    }
    const process = this.#process;
    const isLoss = this.#link === 'free' && process !== null;
    this.#forget();
    if (isLoss) this.#events.laneLost(this, process);
    else this.#events.laneKnown(this);
  }

  /** See ConnectionOwner. */
  straggled(_connection: ClientConnection, of: EndedRequest | null): void {
    this.#events.laneStraggled(this, of);
  }

  #connect(): void {
    const { program, pid } = this.#worker;
    const clock = this.#clock;
    const before = this.#connection;
    const hadProcess = this.#process !== null;
    this.#forget();
    before?.destroy();
    // Until the probe is answered it is nobody's: what ends this request must not end the child that the last one had.
    if (program.probe !== null && hadProcess) this.#events.laneKnown(this);
    this.#connection = this.#worker.connect(this);
    if (program.probe === null) {
      this.#process = this.#worker.meet(pid);
      this.#events.laneKnown(this);
      if (this.#request !== null) this.#send(this.#connection);
      return;
    }
    this.#move('probing');
    this.#probe = new ProbeSink();
    const { probeTimeoutMs: limitMs = probeTimeoutMs } = program;
    this.#timer = clock.after(limitMs, () => {
      this.#connection?.destroy(new PosternError('CONNECT_FAILED', `the probe was not answered within ${limitMs} ms`));
    });
    this.#connection.run(probeRequest(program.probe), this.#probe, true);
  }

  #send(connection: ClientConnection): void {
    const request = this.#request!;
    const { program } = this.#worker;
    const keep = this.#events.isReused(program) && keepsAfter(program, request);
    try {
      this.#exchange = connection.run(request, this.#user!, keep);
    } catch (error) {
      this.#user = null;
      this.#request = null;
      this.#move('free');
      throw error;
    }
    this.#move('busy');
  }

  #probed(connection: ClientConnection, failure: PosternError | null): void {
    const { isAnonymous } = this.#probe!;
    // The parent stands for a child that cannot be known: to end one request is then to end all that the worker has.
    const pid = isAnonymous ? this.#worker.pid : this.#probe!.pid;
    const error = isAnonymous ? null : (failure ?? this.#probe!.error);
    if (isAnonymous) this.#events.laneAnonymous(this.#worker.program);
    this.#probe = null;
    this.#timer?.cancel();
    this.#timer = null;
    if (error === null && this.#foreign < mostForeign && this.#worker.endForeign(pid)) {
      this.#foreign += 1;
      this.#events.laneForeign(this, pid);
      this.#reconnect(connection);
      return;
    }
    this.#foreign = 0;
    const done = this.#onProbed;
    this.#onProbed = null;
    if (error === null) {
      this.#process = this.#worker.meet(pid);
      this.#move('free');
      this.#events.laneKnown(this);
    } else {
      this.#forget();
      connection.destroy();
    }
    if (done !== null) done(error);
    else if (this.#user !== null) this.#runAfterProbe(connection, error);
  }

  /** The connection went to a process that was ended: another one takes the next. */
  #reconnect(connection: ClientConnection): void {
    const done = this.#onProbed;
    const user = this.#user;
    const request = this.#request;
    this.#forget();
    connection.destroy();
    this.#onProbed = done;
    this.#user = user;
    this.#request = request;
    this.#connect();
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
    user.released({
      code: failure === null ? null : failure.code,
      isDone: error === null,
      isAborted: this.#isAborted,
    });
  }

  /** Looks at the process whose connection broke, for a moment, and then tells the user. */
  #settle(failure: PosternError, look: number): void {
    const ending = this.#worker.endOf(this.#process);
    // One that left with our bytes unread met the request on its way out; one that had read it and said nothing did not.
    const hasRead = ending?.end === 'left' && !isUnread(failure);
    this.#ending = hasRead ? { exit: ending.exit, end: 'unknown' } : ending;
    const waitMs = looksMs[look];
    if (this.#ending === null && waitMs !== undefined) {
      this.#timer = this.#clock.after(waitMs, () => this.#settle(failure, look + 1));
      return;
    }
    this.#finish(failure, 'none');
  }

  #finish(failure: PosternError | null, to: 'free' | 'spent' | 'none'): void {
    const user = this.#user!;
    const exchange = this.#exchange!;
    this.#user = null;
    this.#request = null;
    this.#timer = null;
    this.#move(to);
    const code = failure === null ? null : failure.code;
    if (failure !== null && !this.#isAborted) user.fail(asTold(failure, this.#ending !== null && this.pid > 0));
    user.released({ code, isDone: exchange.hasEnded, isAborted: this.#isAborted });
  }

  #forget(): void {
    this.#connection = null;
    this.#exchange = null;
    this.#reusedAtMs = null;
    this.#probe = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#move('none');
    // The next connection may be taken by another child; without children there is but one process.
    if (this.#worker.program.probe !== null) this.#process = null;
  }

  #move(to: LinkState): void {
    const from = this.#link;
    const isUsual = (from === 'free' && to === 'busy') || (from === 'busy' && to === 'free');
    if (!isUsual && to !== from && !linkMoves[from].includes(to)) {
      throw new Error(`the connection of lane ${this.slot} cannot go from ${from} to ${to}`);
    }
    this.#link = to;
  }
}

/** CVE-2026-129289: of a body that a script did not read, an older PHP takes the rest for its next records. */
export function keepsAfter({ reuse }: Program, request: CgiRequest): boolean {
  return reuse === 'always' || (reuse === 'bodiless' && request.body === null);
}

/**
 * Whether a request must have a new connection: on a kept one it is lost where the program leaves just then, and it may not be sent twice.
 * A preforked child is known by its pid, and does not leave by itself.
 */
export function needsNew({ reuse, preforks }: Program, request: CgiRequest): boolean {
  return reuse === 'bodiless' && !preforks && !request.idempotent;
}
