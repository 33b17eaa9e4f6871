// Reading from a web server: held back while too much of what came is unread, and timed.

import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import type { InputOwner, ServerInput } from './server-input.ts';
import type { ServerLimits } from './server-limits.ts';

/** What is read of one connection. */
export class ServerReading implements InputOwner {
  readonly #socket: Socket;
  readonly #limits: ServerLimits;
  readonly #clock: Clock;
  readonly #exchanges: ReadonlyMap<number, unknown>;
  /** Inputs with more unread bytes than allowed: while there is one, the socket is not read. */
  readonly #unread = new Set<ServerInput>();
  #activeAtMs: number;
  /** Whether the process is about to end. */
  isHalted = false;
  /** Whether what comes then is refused; else nobody reads it. */
  #isRefusing = false;

  /** @param exchanges the requests that share the connection */
  constructor(socket: Socket, limits: ServerLimits, clock: Clock, exchanges: ReadonlyMap<number, unknown>) {
    this.#socket = socket;
    this.#limits = limits;
    this.#clock = clock;
    this.#exchanges = exchanges;
    this.#activeAtMs = clock.now();
  }

  /** Something came. */
  touch(): void {
    this.#activeAtMs = this.#clock.now();
  }

  /** How long nothing came. */
  quietMs(now: number): number {
    return now - this.#activeAtMs;
  }

  /** See `FastcgiServer.halt()`: what comes while nothing runs is refused, or stays unread. */
  halt(isRefusing: boolean): void {
    this.isHalted = true;
    this.#isRefusing = isRefusing;
    this.stopIfHalted();
  }

  /** A request is over, or none ran. */
  stopIfHalted(): void {
    if (!this.isHalted || this.#isRefusing || this.#exchanges.size > 0) return;
    this.#socket.pause();
    // A stream that is paused reads on until its buffer is full.
    (this.#socket as unknown as { readonly _handle?: { readStop?(): void } | null })._handle?.readStop?.();
  }

  unreadChanged(input: ServerInput): void {
    const { maxUnreadBytes, maxSharedUnreadBytes } = this.#limits;
    const limit = this.#exchanges.size > 1 ? maxSharedUnreadBytes : maxUnreadBytes;
    if (input.unreadBytes > limit) {
      if (this.#unread.size === 0) this.#socket.pause();
      this.#unread.add(input);
    } else if (this.#unread.delete(input) && this.#unread.size === 0) {
      this.touch();
      this.#socket.resume();
    }
  }
}
