// Messages between the launcher and the service, one line of JSON each, over a socket that both have had from the start.

import type { Socket } from 'node:net';

/** What a channel tells. */
export interface ChannelEvents {
  message(value: unknown): void;
  /** What came is no message, or does not fit: nothing more is read. */
  broken(why: string): void;
  closed(): void;
}

/** How much the other side may say. */
export interface ChannelLimits {
  /** Bytes of a message. */
  readonly lineBytes: number;
  /** Messages a second; what is more waits for the next one. 0: no limit. */
  readonly perSecond: number;
  /** Bytes that wait to be read by the other side; above it the channel is broken. */
  readonly waitingBytes: number;
}

const newline = 0x0a;
const secondMs = 1_000;

export class LineChannel {
  readonly #socket: Socket;
  readonly #limits: ChannelLimits;
  readonly #events: ChannelEvents;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #inSecond = 0;
  #secondBegan = 0;
  #isBroken = false;
  #resuming: NodeJS.Timeout | null = null;
  /** What came while messages had to wait. */
  #rest: Buffer | null = null;

  constructor(socket: Socket, limits: ChannelLimits, events: ChannelEvents) {
    this.#socket = socket;
    this.#limits = limits;
    this.#events = events;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#resuming !== null) clearTimeout(this.#resuming);
      events.closed();
    });
  }

  send(value: unknown): void {
    if (this.#isBroken || this.#socket.destroyed) return;
    this.#socket.write(`${JSON.stringify(value)}\n`);
    if (this.#socket.writableLength > this.#limits.waitingBytes) this.#break('it does not read what it is told');
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length && !this.#isBroken) {
      if (this.#mustWait()) {
        this.#wait(bytes.subarray(from));
        return;
      }
      const at = bytes.indexOf(newline, from);
      this.#add(bytes.subarray(from, at < 0 ? bytes.length : at));
      if (at < 0) return;
      this.#take();
      from = at + 1;
    }
  }

  #add(bytes: Buffer): void {
    this.#partBytes += bytes.length;
    if (this.#partBytes > this.#limits.lineBytes)
      this.#break(`a message has more than ${this.#limits.lineBytes} bytes`);
    else if (bytes.length > 0) this.#parts.push(Buffer.from(bytes));
  }

  #take(): void {
    if (this.#isBroken) return;
    const text = Buffer.concat(this.#parts.splice(0)).toString('utf8');
    this.#partBytes = 0;
    this.#inSecond += 1;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#break('a message is not JSON');
      return;
    }
    this.#events.message(value);
  }

  #mustWait(): boolean {
    const { perSecond } = this.#limits;
    if (perSecond === 0) return false;
    const now = performance.now();
    if (now - this.#secondBegan >= secondMs) {
      this.#secondBegan = now;
      this.#inSecond = 0;
    }
    return this.#inSecond >= perSecond;
  }

  #wait(rest: Buffer): void {
    this.#socket.pause();
    this.#rest = Buffer.from(rest);
    this.#resuming ??= setTimeout(() => {
      this.#resuming = null;
      const held = this.#rest;
      this.#rest = null;
      if (held !== null) this.#read(held);
      if (this.#rest === null && !this.#isBroken) this.#socket.resume();
    }, secondMs);
  }

  #break(why: string): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#parts = [];
    this.#socket.pause();
    this.#events.broken(why);
  }
}
