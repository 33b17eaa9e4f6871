// Sockets that the service hands over for the output and input of programs: it connects to a socket file of ours, and says which is which.

import { chmodSync, chownSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { PosternError } from '../errors.ts';

/** So many may wait for their request, or a request for them. */
const mostWaiting = 512;
const waitMs = 5_000;
const tokenBytes = 33;

export class HandedSockets {
  readonly #server: Server;
  readonly #path: string;
  /** By token. */
  readonly #arrived = new Map<string, Socket>();
  readonly #awaited = new Map<string, (socket: Socket) => void>();
  #unnamed = 0;

  constructor(path: string) {
    this.#path = path;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = mostWaiting;
  }

  /** @param owner the only one who may connect, besides root */
  async open(owner: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, resolve);
    });
    chownSync(this.#path, owner, -1);
    chmodSync(this.#path, 0o600);
  }

  /** The socket with a token. The caller closes it. @throws LAUNCH_FAILED when it does not come */
  async take(token: string): Promise<Socket> {
    const there = this.#arrived.get(token);
    if (there !== undefined) {
      this.#arrived.delete(token);
      return there;
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#awaited.delete(token);
        reject(new PosternError('LAUNCH_FAILED', 'the socket for the output of a program did not come'));
      }, waitMs);
      this.#awaited.set(token, (socket) => {
        clearTimeout(timer);
        resolve(socket);
      });
    });
  }

  /** Closes what nobody has taken: the service that made it is gone. */
  clear(): void {
    for (const socket of this.#arrived.values()) socket.destroy();
    this.#arrived.clear();
  }

  close(): void {
    this.clear();
    this.#server.close();
    rmSync(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#unnamed + this.#arrived.size >= mostWaiting) {
      socket.destroy();
      return;
    }
    this.#unnamed += 1;
    const late = setTimeout(() => socket.destroy(), waitMs);
    let text = '';
    const named = (bytes: Buffer): void => {
      text += bytes.toString('latin1', 0, tokenBytes);
      const end = text.indexOf('\n');
      if (end < 0 && text.length < tokenBytes) return;
      socket.off('data', named);
      socket.pause();
      clearTimeout(late);
      if (end < 0) socket.destroy();
      else this.#arrive(text.slice(0, end), socket);
    };
    socket.on('data', named);
    let isCounted = true;
    const uncount = (): void => {
      if (isCounted) this.#unnamed -= 1;
      isCounted = false;
      clearTimeout(late);
    };
    socket.once('pause', uncount);
    socket.once('close', uncount);
  }

  #arrive(token: string, socket: Socket): void {
    const awaited = this.#awaited.get(token);
    this.#awaited.delete(token);
    if (awaited !== undefined) {
      awaited(socket);
      return;
    }
    this.#arrived.get(token)?.destroy();
    this.#arrived.set(token, socket);
    const late = setTimeout(() => {
      if (this.#arrived.get(token) !== socket) return;
      this.#arrived.delete(token);
      socket.destroy();
    }, waitMs);
    late.unref();
  }
}
