// What leaves on one socket: the records gathered for it, sent in one write, and the limit on how long they may stay unread.

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';

/** See the file's first line. */
export class Outgoing {
  readonly writer: RecordWriter = new RecordWriter();
  readonly #socket: Socket;
  readonly #deadline: WriteDeadline;

  constructor(socket: Socket, deadline: WriteDeadline) {
    this.#socket = socket;
    this.#deadline = deadline;
  }

  /** Whether the kernel has taken all that was sent. */
  get isEmpty(): boolean {
    return this.#socket.writableLength === 0;
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
    const isTaken = this.#socket.write(records);
    if (!isTaken && !this.#socket.destroyed) this.#deadline.start();
    return isTaken;
  }

  /** The socket took what it had, or is gone. */
  stopDeadline(): void {
    this.#deadline.stop();
  }
}

/** The limit on how long a peer may leave unread what we have to send. It runs while the socket has taken all it can; a timer only then. */
export class WriteDeadline {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #isCounted: () => boolean;
  readonly #onLate: () => void;
  #timer: Timer | null = null;

  /** @param isCounted false while it is not the peer's fault; then it is given the whole time again */
  constructor(clock: Clock, limitMs: number, isCounted: () => boolean, onLate: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#isCounted = isCounted;
    this.#onLate = onLate;
  }

  /** The socket is full; repeatable. */
  start(): void {
    this.#timer ??= this.#clock.after(this.#limitMs, () => {
      this.#timer = null;
      if (this.#isCounted()) this.#onLate();
      else this.start();
    });
  }

  /** The socket took what it had, or is gone; repeatable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
