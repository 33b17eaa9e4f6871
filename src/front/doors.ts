// The doors of a front: what a connection passes before it is known what it speaks, where that may be TLS or HTTP/2. Loaded where one of them may come.

import type { Socket } from 'node:net';
import type { Receiver } from '../connection/plain-socket.ts';
import type { Peer } from '../gateway/message.ts';
import { H2cDoor } from './h2c-door.ts';
import type { Http1Connections } from './http1-connections.ts';
import { Http2Connection } from './http2-connection.ts';
import type { TlsContexts } from './tls-contexts.ts';
import { type TakeSecured, TlsDoor, type TlsDoorOptions } from './tls-door.ts';

/** Opens a door to the connections of a front. */
export type OpenDoor<Door> = (connections: Http1Connections) => Door;

/** A door of TLS, with these certificates. */
export function tlsDoor(contexts: TlsContexts): OpenDoor<TlsDoor> {
  return (connections) => {
    const protocols = new Map<string, TakeSecured>([
      ['h2', (socket, peer) => takeHttp2(connections, socket, peer)],
      ['http/1.1', (socket, peer) => takeHttp1(connections, socket, peer)],
    ]);
    const { log, clock } = connections;
    return new TlsDoor({ contexts, protocols, ...entrance(connections), log, clock });
  };
}

/** A door for HTTP/2 without TLS. */
export function openH2cDoor(connections: Http1Connections): H2cDoor {
  const { clients, limits, clock } = connections;
  return new H2cDoor({
    ...entrance(connections),
    takeHttp2: (socket, peer) => takeHttp2(connections, socket, peer),
    takeHttp1: (socket, peer, bytes) => takeHttp1(connections, socket, peer).received(bytes),
    timeoutMs: () => clients.values.headTimeoutMs ?? limits.headTimeoutMs,
    clock,
  });
}

function entrance(connections: Http1Connections): Pick<TlsDoorOptions, 'admit' | 'left'> {
  return {
    admit: (...args) => connections.admit(...args),
    left: (address, waiting) => connections.clients.go(address, waiting),
  };
}

function takeHttp1(connections: Http1Connections, socket: Socket, peer: Peer): Receiver {
  const receiver = connections.acceptAdmitted(socket, peer);
  socket.on('data', (bytes: Buffer) => receiver.received(bytes));
  return receiver;
}

function takeHttp2(connections: Http1Connections, socket: Socket, peer: Peer): void {
  connections.take(new Http2Connection(socket, peer, connections));
}
