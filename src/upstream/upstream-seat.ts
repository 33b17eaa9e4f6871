// The right to run one request on a connection to a server elsewhere: a seat of the queue.

import type { ClientConnection } from '../connection/client-connection.ts';
import type { ClientExchange } from '../connection/client-exchange.ts';
import type { ErrorCode } from '../errors.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import type { Seat, SeatUser } from '../queue/seat.ts';

/** `taken`: it has no request yet; `running`: it has one; `over`: that has left, or was taken from it. */
type SeatState = 'taken' | 'running' | 'over';

const moves: Readonly<Record<SeatState, readonly SeatState[]>> = {
  taken: ['running', 'over'],
  running: ['over'],
  over: [],
};

/** The server that a seat is at, as the seat sees it. */
export interface SeatServer {
  /** Whether it is asked to keep the connection after this request. */
  keeps(request: CgiRequest): boolean;
  /** A request has begun. @returns the time */
  began(seat: UpstreamSeat): number;
  /** Not a byte came of a request for so long, on a connection that had served before. */
  silent(seat: UpstreamSeat, forMs: number): void;
}

/** What is kept about a request between two attempts. */
export interface Memo<Server extends SeatServer> {
  /** Servers that failed with it, so that another one is asked. */
  readonly tried: Set<Server>;
  /** The last one it had. */
  seat: UpstreamSeat<Server>;
}

export class UpstreamSeat<Server extends SeatServer = SeatServer> implements Seat {
  readonly upstream: Server;
  readonly connection: ClientConnection;
  /** Whether its connection has served no request before: one that has may have been closed by the server meanwhile. */
  readonly isFresh: boolean;
  /** Whose process it is, nobody can see. */
  readonly pid = 0;
  readonly processEnd = null;
  readonly end = null;
  /** Of the request that it was given to. */
  memo: Memo<Server> | null = null;
  #state: SeatState = 'taken';
  #exchange: ClientExchange | null = null;
  #user: SeatUser | null = null;
  #sinceMs = 0;

  constructor(upstream: Server, connection: ClientConnection, isFresh: boolean) {
    this.upstream = upstream;
    this.connection = connection;
    this.isFresh = isFresh;
  }

  get progress(): Seat['progress'] {
    return this.#exchange?.progress ?? 'unsent';
  }

  get discardedBytes(): number {
    return this.#exchange?.discardedBytes ?? 0;
  }

  get awaitsBody(): boolean {
    return this.#exchange?.awaitsBody ?? false;
  }

  /** From END_REQUEST; 0 before it. */
  get appStatus(): number {
    return this.#exchange?.appStatus ?? 0;
  }

  /** See Seat. */
  run(request: CgiRequest, user: SeatUser): void {
    this.#exchange = this.connection.run(request, user, this.upstream.keeps(request));
    this.#user = user;
    this.#sinceMs = this.upstream.began(this);
    this.#move('running');
  }

  /** See Seat. */
  resume(): void {
    this.#exchange?.resume();
  }

  /** See Seat. Where its connection carries nothing else, that is closed: few applications read ABORT_REQUEST. */
  abort(): void {
    if (this.#state !== 'running') return;
    this.#exchange!.abort();
    if (this.#state === 'running' && this.connection.running <= 1) this.connection.destroy();
  }

  /** Whether this is the exchange that runs on it. */
  carries(exchange: ClientExchange): boolean {
    return this.#exchange === exchange;
  }

  /** See Seat. Its connection is closed, and another seat sends it anew. */
  lookForSilence(nowMs: number, silentMs: number): false {
    if (this.#state !== 'running' || this.isFresh || nowMs - this.#sinceMs < silentMs) return false;
    const { progress, isAborted, awaitsBody } = this.#exchange!;
    if (progress !== 'answered' && !isAborted && !awaitsBody)
      this.upstream.silent(this, Math.round(nowMs - this.#sinceMs));
    return false;
  }

  /** Whether sending its request anew does no harm. */
  get mayRepeat(): boolean {
    const { request } = this.#exchange!;
    const isReplayable = request.body?.replayable !== false && request.data?.replayable !== false;
    return request.idempotent && isReplayable && this.connection.running === 1;
  }

  /** The server is done with its request, or the connection is gone. */
  released(): void {
    if (this.#state === 'over') return;
    this.#move('over');
    const { error, hasEnded, isAborted } = this.#exchange!;
    const code: ErrorCode | null = error?.code ?? null;
    this.#user!.released({ code, isDone: hasEnded, isAborted });
  }

  /** Its request is taken from it, if it has one, and ends here, too. @returns whether it had none */
  cut(): boolean {
    const before = this.#state;
    if (before === 'over') return false;
    this.#move('over');
    if (before === 'taken') return true;
    if (this.connection.running <= 1) this.connection.destroy();
    else this.#exchange!.abort();
    return false;
  }

  #move(to: SeatState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a seat cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
