// Output of the application side of a connection: records of all its requests are gathered into few writes, and those that wait take turns.

import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { unsentBytes } from '../connection/write-deadline.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { REQUEST_COMPLETE, STDERR, STDOUT } from '../protocol/fastcgi/record.ts';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';

/** One request's output, as this sees it. */
export interface OutputOwner {
  readonly id: number;
  /** Lets a turn's worth of what waits out. @returns whether more of it waits */
  takeTurn(): boolean;
}

/** Gathered output above this leaves without waiting for more. */
const GATHER_BYTES = 32_768;
/** Bytes of one request that go out before another one has its turn, where several wait. */
export const TURN_BYTES = 32_768;

/** `full`: the peer does not read fast enough for more now. `over`: nothing more goes out. */
type OutputState = 'flowing' | 'full' | 'over';

const moves: Readonly<Record<OutputState, readonly OutputState[]>> = {
  flowing: ['full', 'over'],
  full: ['flowing', 'over'],
  over: [],
};

/** Writes to one socket. */
export class ServerOutput {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #writer = new RecordWriter();
  /** Requests with output that could not leave, in the order of their turns. */
  readonly #waiting = new Set<OutputOwner>();
  #state: OutputState = 'flowing';
  #fullSinceMs = 0;
  #unsentBytes = 0;
  /** Whether everything is gathered until `release`. */
  #isHeld = false;
  /** Whether turns are taken when the event loop comes round. */
  #isTurnDue = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** Whether the peer does not read fast enough for more now. */
  get isFull(): boolean {
    return this.#state === 'full';
  }

  /** Whether everything is gathered until `release`. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** What the system has not taken yet. */
  get unsentBytes(): number {
    return unsentBytes(this.#socket);
  }

  /** For how long that has been so and the peer has read nothing, as far as was seen when this was asked; 0 when it is not. */
  fullForMs(now: number): number {
    if (!this.isFull) return 0;
    const unsent = unsentBytes(this.#socket);
    if (unsent !== this.#unsentBytes) {
      this.#unsentBytes = unsent;
      this.#fullSinceMs = now;
    }
    return now - this.#fullSinceMs;
  }

  /** Adds content to a request's stream. */
  put(owner: OutputOwner, type: typeof STDOUT | typeof STDERR, bytes: Uint8Array): void {
    this.#writer.content(type, owner.id, bytes);
    if (this.#writer.length >= GATHER_BYTES) this.#send();
  }

  /** Adds text to a request's STDOUT. */
  putText(owner: OutputOwner, text: string): void {
    this.#writer.text(STDOUT, owner.id, text);
  }

  /** Adds the end of a request's streams, where it was carried out, and of the request. */
  putEnd(id: number, appStatus: number, protocolStatus: number, hasStderr: boolean): void {
    if (protocolStatus === REQUEST_COMPLETE) {
      this.#writer.end(STDOUT, id);
      if (hasStderr) this.#writer.end(STDERR, id);
    }
    this.#writer.endRequest(id, appStatus, protocolStatus);
  }

  putValues(values: Environment): void {
    this.#writer.valuesResult(values);
  }

  putUnknownType(type: number): void {
    this.#writer.unknownType(type);
  }

  /** A request has output, or a handler, that waits for its turn. */
  waitForTurn(owner: OutputOwner): void {
    this.#waiting.add(owner);
    if (this.isFull || this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => this.#takeTurns());
  }

  /** A request is over, or gave up. */
  forget(owner: OutputOwner): void {
    this.#waiting.delete(owner);
  }

  /** Gathers everything until `release`: what a chunk of input brings forth leaves in one write. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#send();
  }

  /** Passes on what was gathered. */
  flush(): void {
    if (!this.#isHeld) this.#send();
  }

  /** The socket takes bytes again. */
  drained(): void {
    if (this.#state === 'full') this.#move('flowing');
    this.#takeTurns();
  }

  /** Passes on what was gathered, and closes our side. */
  end(): void {
    this.#send();
    this.#move('over');
    this.#socket.end();
  }

  /** Nothing more goes out. */
  stop(): void {
    if (this.#state !== 'over') this.#move('over');
    this.#waiting.clear();
  }

  #send(): void {
    if (this.#writer.length === 0 || this.#state === 'over') return;
    if (this.#socket.write(this.#writer.take()) || this.#state === 'full') return;
    this.#move('full');
    this.#fullSinceMs = this.#clock.now();
    this.#unsentBytes = unsentBytes(this.#socket);
  }

  #move(to: OutputState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`an output cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  /** Gives those who wait a turn each, round and round, until the socket is full. A set is walked in the order of insertion. */
  #takeTurns(): void {
    this.#isTurnDue = false;
    for (const owner of this.#waiting) {
      if (this.#state !== 'flowing') break;
      this.#waiting.delete(owner);
      if (owner.takeTurn()) this.#waiting.add(owner);
    }
    this.#send();
  }
}
