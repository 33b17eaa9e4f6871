// Connections on which HTTP/2 may come without TLS (RFC 9113, section 3.3): a client that knows so begins with the preface, which is no request of
// HTTP/1.1; all others go on as HTTP/1.1. Nothing is offered and nothing is upgraded.

import type { Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Peer } from '../gateway/message.ts';
import type { Waiting } from './client-limits.ts';
import { peerOf } from './client-socket.ts';

/** What a door is made with. */
export interface H2cDoorOptions {
  /** Whether a new connection may come in now; where it must wait, it is told to `enter` later; false: it was turned away. */
  readonly admit: (socket: Socket, address: string, waiting: Waiting, wait: () => void) => boolean;
  /** A connection that came in has gone before it said anything. */
  readonly left: (address: string, waiting: Waiting) => void;
  readonly takeHttp2: (socket: Socket, peer: Peer) => void;
  /** @param bytes what came first */
  readonly takeHttp1: (socket: Socket, peer: Peer, bytes: Buffer) => void;
  /** How long a client that has come in may say nothing. */
  readonly timeoutMs: () => number;
  readonly clock?: Clock;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** For no limit: as long as a timer may run. */
const longestMs = 2_147_483_647;

/** How long the first bytes of a connection are waited for once its front is closing. */
const closingMs = 1_000;

/** The door of one front. */
export class H2cDoor {
  readonly #options: H2cDoorOptions;
  readonly #clock: Clock;
  /** Connections of which too little came, with what ends them. */
  readonly #open = new Map<Socket, () => void>();
  readonly #waiters: (() => void)[] = [];

  constructor(options: H2cDoorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @param known what a proxy said of its client; null: nothing, it is its own */
  accept(socket: Socket, known: Peer | null): void {
    const { admit, left, timeoutMs, takeHttp1, takeHttp2 } = this.#options;
    const peer = known ?? peerOf(socket, false);
    let mustWait = false;
    let timer: Timer | null = null;
    const start = (): void => {
      timer = this.#clock.after(timeoutMs() || longestMs, () => socket.destroy());
    };
    const enter = (): void => {
      start();
      socket.resume();
    };
    const waiting: Waiting = { enter };
    socket.on('error', () => {});
    if (!admit(socket, peer.remoteAddress, waiting, () => (mustWait = true))) return;
    let bytes: Buffer = Buffer.alloc(0);
    const done = (): void => {
      timer?.cancel();
      socket.off('data', received).off('end', ended).off('close', closed);
      this.#open.delete(socket);
      if (this.#open.size === 0) for (const resolve of this.#waiters.splice(0)) resolve();
    };
    const ended = (): void => void socket.destroy();
    const closed = (): void => {
      done();
      left(peer.remoteAddress, waiting);
    };
    const received = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const length = Math.min(bytes.length, preface.length);
      const isPreface = bytes.compare(preface, 0, length, 0, length) === 0;
      if (isPreface && length < preface.length) return;
      done();
      if (!isPreface) {
        takeHttp1(socket, peer, bytes);
        return;
      }
      socket.pause();
      socket.unshift(bytes);
      takeHttp2(socket, peer);
    };
    this.#open.set(socket, ended);
    socket.on('data', received).on('end', ended).on('close', closed);
    // How long it waits for others is not its doing.
    if (mustWait) socket.pause();
    else start();
  }

  /** The front is closing: what has said nothing has a moment left. */
  retire(): void {
    if (this.#open.size > 0) this.#clock.after(closingMs, () => this.destroy());
  }

  /** Resolves when nobody is waited for. */
  emptied(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  destroy(): void {
    for (const end of [...this.#open.values()]) end();
  }
}
