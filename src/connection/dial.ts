// Dials an application: the socket of a connection, and the buffer that it is read into.

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Address } from './address.ts';
import { ReadBuffer, Reading, type Receiver } from './plain-socket.ts';

/** Buffers that are held for connections to come. */
const MAX_FREE = 16;
/** When a silent connection to another machine is asked whether its peer is still there. */
const KEEP_ALIVE_MS = 60_000;

/** Buffers to read into, used again by one connection after another: a new one for each is most of what a short connection costs. */
export class ReadBuffers {
  readonly #free: ReadBuffer[] = [];

  take(): ReadBuffer {
    return this.#free.pop() ?? new ReadBuffer();
  }

  giveBack(buffer: ReadBuffer): void {
    if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}

/** Begins to connect. What is written before the connection stands is sent when it does. */
export function dial(address: Address, receiver: Receiver, buffers: ReadBuffers): Socket {
  const buffer = buffers.take();
  const reading = new Reading(buffer);
  reading.receiver = receiver;
  const { onread } = reading;
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
