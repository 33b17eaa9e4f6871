// The socket of a connection: dialled and read into one buffer that is used again; written in whole records, with a limit on how long they may stay unread.

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { beginTurn, type Clock, endTurn, type Timer } from '../clock.ts';
import { LentViews } from '../protocol/bytes.ts';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';
import type { Address } from './address.ts';
import { SocketWriter } from './socket-writer.ts';

/** Bytes read at once. */
const READ_BYTES = 65_536;
/** Buffers that are held for connections to come. */
const MAX_FREE = 16;
/** When a silent connection to another machine is asked whether its peer is still there. */
const KEEP_ALIVE_MS = 60_000;

/** One to read into, and the views of it. */
interface ReadBuffer {
  readonly bytes: Buffer;
  readonly views: LentViews;
}

/** Buffers to read into, used again by one connection after another: a new one for each is most of what a short connection costs. */
export class ReadBuffers {
  readonly #free: ReadBuffer[] = [];

  take(): ReadBuffer {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const bytes = Buffer.allocUnsafeSlow(READ_BYTES);
    return { bytes, views: new LentViews(bytes) };
  }

  giveBack(buffer: ReadBuffer): void {
    if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}

/**
 * Begins to connect. What is written before the connection stands is sent when it does.
 * @param onBytes takes what was read, only lent; false: stop reading until `socket.resume()`
 */
export function dial(address: Address, onBytes: (chunk: Buffer) => boolean, buffers: ReadBuffers): Socket {
  // A fresh buffer for every read is 64 KiB of garbage for a record of 100 bytes; see bench/micro.
  const buffer = buffers.take();
  const callback = (count: number): boolean => {
    beginTurn();
    try {
      return onBytes(buffer.views.first(count));
    } finally {
      endTurn();
    }
  };
  const onread = { buffer: buffer.bytes, callback };
  const target: NetConnectOpts =
    address.kind === 'unix'
      ? { path: address.path, onread }
      : {
          host: address.host,
          port: address.port,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: KEEP_ALIVE_MS,
          onread,
        };
  // Once its handle is closed, nothing is read into it any more.
  return connect(target).once('close', () => buffers.giveBack(buffer));
}

/** What leaves on one socket: the records gathered for it, sent in one write. */
export class Outgoing {
  readonly writer: RecordWriter = new RecordWriter();
  readonly #socket: Socket;
  readonly #sent: SocketWriter;
  readonly #deadline: WriteDeadline;

  /** @param onDrain called when the socket has taken what it had, after a send gave false */
  constructor(socket: Socket, deadline: WriteDeadline, onDrain: () => void) {
    this.#socket = socket;
    this.#sent = new SocketWriter(socket, onDrain);
    this.#deadline = deadline;
  }

  /** Whether the kernel has taken all that was sent. */
  get isEmpty(): boolean {
    return this.#sent.isEmpty;
  }

  /** Whether nothing more should be sent until the socket has drained. */
  get isFull(): boolean {
    return this.#sent.isFull;
  }

  /** Sends what the writer gathered. @returns false when nothing more should be sent until the socket has drained */
  send(): boolean {
    const isTaken = this.sendRecords(this.writer.take());
    // The kernel has its own copy.
    if (this.isEmpty) this.writer.giveBack();
    return isTaken;
  }

  /** Sends whole records, which are the socket's until `isEmpty`. @returns as `send()` */
  sendRecords(records: Buffer): boolean {
    const isTaken = this.#sent.write(records);
    if (!isTaken && !this.#socket.destroyed) this.#deadline.start();
    return isTaken;
  }

  /** The socket took what it had, or is gone. */
  stopDeadline(): void {
    this.#deadline.stop();
  }
}

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
