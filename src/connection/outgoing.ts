// What leaves on one socket: the records gathered for it, sent in one write, and the limit on how long they may stay unread.

import type { Socket } from 'node:net';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';
import type { WriteDeadline } from './write-deadline.ts';

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
