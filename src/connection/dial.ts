// Opens a socket to an address, reading into one buffer that is used again for every chunk, and after it by another socket.

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Address } from './address.ts';

/** Bytes read at once. */
const READ_BYTES = 65_536;
/** Buffers that are held for connections to come. */
const MAX_FREE = 16;
/** When a silent connection to another machine is asked whether its peer is still there. */
const KEEP_ALIVE_MS = 60_000;

/** Buffers to read into, used again by one connection after another: a new one for each is most of what a short connection costs. */
export class ReadBuffers {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
  }

  giveBack(buffer: Buffer): void {
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
  const onread = { buffer, callback: (count: number) => onBytes(buffer.subarray(0, count)) };
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
