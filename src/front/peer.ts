// Where a socket came from and arrived, as requests tell it.

import type { Socket } from 'node:net';
import type { Peer } from '../gateway/message.ts';

/** The ends of a connected socket. A Unix socket has none. */
export function peerOf(socket: Socket, secure: boolean): Peer {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    secure,
  };
}

/** An IPv4 client of a socket that listens on "::" is told as IPv4: rules that name addresses are written so. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
