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
