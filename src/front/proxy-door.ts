// Connections that begin with the PROXY protocol: what a trusted proxy says of its client is read ahead of all else, and the connection goes on as
// the client's own. From others, and without it, nothing is taken: who could leave it out could be anybody.

import { isIP, type Socket } from 'node:net';
import { AddressList } from '../address-list.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Peer } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { readProxyHeader } from '../protocol/http/proxy-header.ts';
import { peerOf } from './client-socket.ts';

/** What a door is made with. */
export interface ProxyDoorOptions {
  /** Addresses and networks of proxies, asked with each connection. */
  readonly trusted: () => readonly string[];
  /** Takes the connection. @param peer the client, as the proxy says; null: the proxy speaks for itself */
  readonly take: (socket: Socket, peer: Peer | null) => void;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Proxies say it at once. */
const headerTimeoutMs = 5_000;

/** Connections of which nothing was said yet. */
const mostWaiting = 1_024;
const quietMs = 10_000;

/** The door of one front. */
export class ProxyDoor {
  readonly #options: ProxyDoorOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<Socket>();
  #written: readonly string[] | null = null;
  #trusted = new AddressList([], 'trustedProxies');
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProxyDoorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  accept(socket: Socket): void {
    socket.on('error', () => {});
    const { remoteAddress } = peerOf(socket, false);
    if (!this.#list().has(remoteAddress)) this.#refuse(socket, `${remoteAddress} is not among trustedProxies`);
    else if (this.#waiting.size >= mostWaiting) this.#refuse(socket, `${mostWaiting} others have not said a word`);
    else this.#listen(socket);
  }

  destroy(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #list(): AddressList {
    const written = this.#options.trusted();
    if (written !== this.#written) this.#trusted = new AddressList(written, 'trustedProxies');
    this.#written = written;
    return this.#trusted;
  }

  #listen(socket: Socket): void {
    let bytes: Buffer = Buffer.alloc(0);
    this.#waiting.add(socket);
    const timer = this.#clock.after(headerTimeoutMs, () => this.#refuse(socket, 'it said nothing of its client'));
    const done = (): void => {
      timer.cancel();
      this.#waiting.delete(socket);
      socket.off('data', received);
      socket.off('end', ended);
      socket.off('close', done);
    };
    const ended = (): void => void socket.destroy();
    const received = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes, isIP);
      if (header === 'more') return;
      done();
      if (header === 'bad') {
        this.#refuse(socket, 'what came first is no PROXY header');
        return;
      }
      socket.pause();
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
      this.#options.take(socket, header.client === null ? null : { ...header.client, secure: false, memo: null });
      socket.resume();
    };
    socket.on('close', done);
    socket.on('end', ended);
    socket.on('data', received);
  }

  #refuse(socket: Socket, why: string): void {
    socket.destroy();
    const now = this.#clock.now();
    if (now - this.#saidAtMs < quietMs) return;
    this.#saidAtMs = now;
    this.#options.log.warn({}, `a connection to an address with proxyProtocol was closed: ${why}`);
  }
}
