// Who asks: the client of a request, as its connection or a trusted proxy says. Pure.

import { PosternError } from '../errors.ts';
import type { Pairs } from '../protocol/cgi/exchange.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { type Host, parseHost } from '../protocol/http/host.ts';
import type { HttpRequest } from './message.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** One client, as programs get to know it. */
export interface Client {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly serverName: string;
  readonly serverPort: number;
  readonly serverAddress: string;
  readonly secure: boolean;
  /** What HTTP_HOST is, where a proxy's word makes it another than the Host field; null: that field. */
  readonly host: string | null;
  /** SSL_PROTOCOL and its kind; null: the connection was not encrypted, or not by us. */
  readonly tls: Readonly<Record<string, string>> | null;
  /** Its part of the environment, once it was asked for: see `clientPairs`. */
  part?: { readonly pairs: Pairs; readonly hasHost: boolean };
}

/** @throws BAD_REQUEST when the Host field is missing (HTTP/1.1), comes twice or is not valid */
export function identifyClient(request: HttpRequest, proxies: TrustedProxies): Client {
  const { peer } = request;
  const host = hostOf(request);
  const direct: Client = {
    // What nginx says of a client on a Unix socket; an empty REMOTE_ADDR is taken for a broken server.
    remoteAddress: peer.remoteAddress === '' ? 'unix:' : peer.remoteAddress,
    remotePort: peer.remotePort,
    serverName: host?.name ?? (peer.localAddress === '' ? 'localhost' : peer.localAddress),
    serverPort: peer.localPort === 0 ? (host?.port ?? (peer.secure ? 443 : 80)) : peer.localPort,
    serverAddress: peer.localAddress === '' ? 'unix:' : peer.localAddress,
    secure: peer.secure,
    host: null,
    tls: peer.tls?.variables ?? null,
  };
  if (proxies.isEmpty || !proxies.has(peer.remoteAddress)) return direct;
  return behindProxy(direct, host, request, proxies);
}

/**
 * What a trusted proxy says. Name, port and Host are made of one another, so that they agree: a program builds links from any of them.
 */
function behindProxy(direct: Client, host: Host | null, request: HttpRequest, proxies: TrustedProxies): Client {
  const told = proxies.toldOf(request.headers);
  const { address, scheme, port } = told;
  // A request of the proxy's own: it asks for itself.
  if (address === null && scheme === null && told.host === null && port === null) return direct;
  const secure = scheme === null ? direct.secure : scheme === 'https';
  const defaultPort = secure ? 443 : 80;
  const asked = told.host ?? host;
  const serverName = asked?.name ?? direct.serverName;
  const serverPort = port ?? asked?.port ?? (asked === null ? direct.serverPort : defaultPort);
  return {
    remoteAddress: address ?? direct.remoteAddress,
    // The proxy's port says nothing about the client.
    remotePort: address === null ? direct.remotePort : 0,
    serverName,
    serverPort,
    serverAddress: direct.serverAddress,
    secure,
    tls: direct.tls,
    host: serverPort === defaultPort ? serverName : `${serverName}:${serverPort}`,
  };
}

/** HTTP/1.0 needs no Host; all later versions exactly one (RFC 9112, section 3.2). */
function hostOf(request: HttpRequest): Host | null {
  const [value, second] = fieldValues(request.headers, 'host');
  if (value === undefined) {
    if (request.version === '1.0') return null;
    throw new PosternError('BAD_REQUEST', 'the request has no Host field');
  }
  if (second !== undefined) throw new PosternError('BAD_REQUEST', 'the request has two Host fields');
  const host = parseHost(value);
  if (host === null) throw new PosternError('BAD_REQUEST', 'the Host field is not valid');
  return host;
}

/** Whether a client is on this machine; one on a Unix socket is. */
export function isThisMachine(address: string): boolean {
  return /^(?:127\.|::1$|::ffff:127\.|unix:|$)/.test(address);
}
