// A socket without Node's streams between: read into one buffer that is used again, and written to by its handle: what the system takes at once, as it
// nearly always does, costs one call.
//
// A fresh buffer for each read is 64 KiB of garbage for some hundred bytes. A write by way of the stream takes some 0.4 us longer, a twelfth of what it costs
// in all (docs/decisions/036-writes-by-the-handle.md). A handle is asked for that only where Node itself writes to it so, which a stand-in for one is asked
// once; else, and while a socket is connecting, everything goes the documented way. Both ways may be mixed: libuv sends in the order of the calls.

import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { beginTurn, endTurn } from '../clock.ts';
import { LentViews } from '../protocol/bytes.ts';

/** Bytes read at once. */
const READ_BYTES = 65_536;

/** One to read into, and the views of it. */
export class ReadBuffer {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly views: LentViews = new LentViews(this.bytes);
}

/** Who takes what comes on a socket. */
export interface Receiver {
  /** @param bytes lent @returns false: nothing more is read until the socket is resumed; nothing else says so */
  received(bytes: Buffer): unknown;
}

/** Has what comes on a socket read into a buffer, which may be that of others. */
export class Reading {
  /** Set before the first bytes can come. */
  receiver: Receiver | null = null;
  /** What `net.Socket` is made with. */
  readonly onread: { readonly buffer: Buffer; readonly callback: (length: number) => boolean };

  constructor({ bytes, views }: ReadBuffer) {
    const callback = (length: number): boolean => {
      beginTurn();
      try {
        return this.receiver!.received(views.first(length)) !== false;
      } finally {
        endTurn();
      }
    };
    this.onread = { buffer: bytes, callback };
  }
}

/** What is used of Node's handle of a socket. A write gives 0 or an error's number, or where not all was taken an object that is told the end. */
interface WriteHandle {
  readonly writeQueueSize: number;
  writeLatin1String(request: null, text: string): number | PendingWrite;
  writeBuffer(request: null, bytes: Uint8Array): number | PendingWrite;
}

/** A write of which the system has not taken all. */
interface PendingWrite {
  oncomplete: (status: number) => void;
  /** Set where it ended before `oncomplete` was there. */
  writeStatus?: number | null;
  /** Kept alive until the end. */
  buffer?: Uint8Array;
}

/** One socket's writes. */
export class SocketWriter {
  readonly #socket: Socket;
  readonly #highWaterMark: number;
  readonly #onDrain: () => void;
  readonly #mayWriteByHandle: boolean;
  /** Writes by the handle of which the system has not taken all. */
  #pending = 0;
  #isFull = false;

  /** @param onDrain called when the system has taken all, after a write gave false */
  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#highWaterMark = socket.writableHighWaterMark;
    this.#onDrain = onDrain;
    this.#mayWriteByHandle = writesWithoutRequest() && isPlain(socket);
    socket.on('drain', () => this.#drained());
  }

  /** Whether the system has taken all that was written. */
  get isEmpty(): boolean {
    return this.#pending === 0 && this.#socket.writableLength === 0;
  }

  /** Whether a write gave false, and it was not drained since. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Writes bytes, which are the socket's until it is empty, or a byte string. An error comes as the socket's.
   * @returns false when no more should be written until it has drained
   */
  write(data: string | Uint8Array): boolean {
    const socket = this.#socket;
    const handle = this.#mayWriteByHandle ? handleOf(socket) : null;
    if (handle === null || socket.connecting || socket.writableLength > 0 || socket.writableEnded) {
      const hasRoom = typeof data === 'string' ? socket.write(data, 'latin1') : socket.write(data);
      if (!hasRoom) this.#isFull = true;
      return hasRoom;
    }
    const result = typeof data === 'string' ? handle.writeLatin1String(null, data) : handle.writeBuffer(null, data);
    if (result === 0) return true;
    return this.#notTaken(handle, result, data);
  }

  #notTaken(handle: WriteHandle, result: number | PendingWrite, data: string | Uint8Array): boolean {
    if (typeof result === 'number') {
      this.#socket.destroy(writeError(result));
      return false;
    }
    if (typeof data !== 'string') result.buffer = data;
    this.#pending += 1;
    result.oncomplete = (status) => this.#completed(status);
    const { writeStatus } = result;
    if (typeof writeStatus === 'number') this.#completed(writeStatus);
    if (handle.writeQueueSize >= this.#highWaterMark) this.#isFull = true;
    return !this.#isFull;
  }

  #completed(status: number): void {
    this.#pending -= 1;
    if (this.#socket.destroyed) return;
    if (status < 0) this.#socket.destroy(writeError(status));
    else this.#drained();
  }

  #drained(): void {
    if (!this.#isFull || !this.isEmpty) return;
    this.#isFull = false;
    this.#onDrain();
  }
}

function handleOf(socket: Socket): WriteHandle | null {
  return (socket as unknown as { readonly _handle: WriteHandle | null })._handle;
}

/** Whether a socket is one of the system's, and not one that encrypts, or stands for something else. */
function isPlain(socket: Socket): boolean {
  const { name } = handleOf(socket)?.constructor ?? {};
  return name === 'TCP' || name === 'Pipe';
}

function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
}

let knownToWrite: boolean | null = null;

/** Whether this version of Node gives a write's result as `WriteHandle` has it: in earlier ones each write needs an object of a class that nobody else can make. */
function writesWithoutRequest(): boolean {
  knownToWrite ??= askNode();
  return knownToWrite;
}

/** Has Node write to a stand-in for a handle, and looks how it does that. */
function askNode(): boolean {
  let isWithout = false;
  const writeLatin1String = (request: unknown): number => {
    isWithout = request === null;
    return 0;
  };
  const nothing = (): number => 0;
  const handle = { writeLatin1String, readStart: nothing, readStop: nothing, close: nothing, getAsyncId: nothing };
  try {
    const socket = new Socket({ handle } as object);
    socket.on('error', () => {});
    socket.write('.', 'latin1');
    socket.destroy();
  } catch {
    return false;
  }
  return isWithout;
}
