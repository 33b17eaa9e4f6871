// Opens a socket to an address, reading into one buffer that is used again for every chunk.

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Address } from './address.ts';

/** Bytes read at once. */
const READ_BYTES = 65_536;
/** When a silent connection to another machine is asked whether its peer is still there. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Begins to connect. What is written before the connection stands is sent when it does.
 * @param onBytes takes what was read, only lent; false: stop reading until `socket.resume()`
 */
export function dial(address: Address, onBytes: (chunk: Buffer) => boolean): Socket {
  // A fresh buffer for every read is 64 KiB of garbage for a record of 100 bytes; see bench/micro.
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
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
  return connect(target);
}
