// What a socket says of the client at its other end: where it came from, and what it has not taken yet.

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import type { Peer } from '../gateway/message.ts';

/** The ends of a connected socket. A Unix socket has none. */
export function peerOf(socket: Socket, secure: boolean): Peer {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    secure,
    memo: null,
  };
}

/** An IPv4 client of a socket that listens on "::" is told, and counted, as IPv4: rules that name addresses are written so. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** Closes a connection so that its client sees that something is missing; below TLS, where the library has no such call. */
export function reset(socket: Socket): void {
  const below = (socket as unknown as { readonly _parent?: Socket | null })._parent;
  (below ?? socket).resetAndDestroy();
}

/**
 * Bytes that wait for the client: those that the system has not taken of what a write began to send.
 * @param closely with those that the system holds and the client has not acknowledged, where that can be known
 */
export function unsentBytes(socket: Socket | null, closely = false): number {
  const handle = (socket as unknown as { readonly _handle?: { readonly writeQueueSize?: number } | null } | null)
    ?._handle;
  const bytes = handle?.writeQueueSize ?? 0;
  return closely && socket !== null ? bytes + heldBytes(socket) : bytes;
}

/** How long the system's table of connections is believed: to read it takes as long as there are connections on the machine. */
const tableMs = 250;
let table = '';
let tableAtMs = Number.NEGATIVE_INFINITY;

/** What Linux holds for the other end of a TCP socket; 0 where that is not known. The table tells ports in hex, and its queue beside them. */
function heldBytes({ localPort, remotePort }: Socket): number {
  if (process.platform !== 'linux' || localPort === undefined || remotePort === undefined) return 0;
  if (systemClock.now() - tableAtMs >= tableMs) {
    table = readTable('/proc/self/net/tcp') + readTable('/proc/self/net/tcp6');
    tableAtMs = systemClock.now();
  }
  const line = new RegExp(`:${inHex(localPort)} [0-9A-F]+:${inHex(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`).exec(table);
  return line === null ? 0 : Number.parseInt(line[1]!, 16);
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function inHex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
