// How long a peer may leave unread what it is sent.

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';

/**
 * The limit on how long a peer may leave unread what we have to send. It runs while the socket has taken all it can; a timer only then. A
 * peer that reads slowly, or that answers without reading, is alive: it is given the whole time again.
 */
export class WriteDeadline {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #isCounted: () => boolean;
  readonly #onLate: () => void;
  #timer: Timer | null = null;

  /**
   * @param limitMs 0: no limit
   * @param isCounted false while it is not the peer's fault; then it is given the whole time again
   */
  constructor(socket: Socket, clock: Clock, limitMs: number, isCounted: () => boolean, onLate: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#isCounted = isCounted;
    this.#onLate = onLate;
  }

  /** The socket is full; repeatable. */
  start(): void {
    if (this.#timer !== null || this.#limitMs === 0) return;
    const queuedBytes = unsentBytes(this.#socket);
    const { bytesRead } = this.#socket;
    this.#timer = this.#clock.after(this.#limitMs, () => {
      this.#timer = null;
      const isStill = unsentBytes(this.#socket) === queuedBytes && this.#socket.bytesRead === bytesRead;
      if (isStill && this.#isCounted()) this.#onLate();
      else this.start();
    });
  }

  /** The socket took what it had, or is gone; repeatable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** Bytes that were handed to the system and that it could not take yet: "drain" comes only when it has taken all, which may be long. */
export function unsentBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}
