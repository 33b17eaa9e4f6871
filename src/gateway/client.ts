// Who asks, and what for: the client's address and the site's name, port and scheme, as the peer or a trusted proxy says.

import { BlockList, isIP } from 'node:net';
import { PosternError } from '../errors.ts';
import { parseForwarded } from '../protocol/http/forwarded.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { type Host, parseHost } from '../protocol/http/host.ts';
import type { HttpRequest } from './message.ts';

/** One client, as programs get to know it. */
export interface Client {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly serverName: string;
  readonly serverPort: number;
  readonly serverAddress: string;
  readonly secure: boolean;
}

/** The proxies that are believed. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #trustsUnix: boolean;
  readonly isEmpty: boolean;

  /** @param entries addresses, networks ("10.0.0.0/8"), "unix" @throws CONFIG_INVALID */
  constructor(entries: readonly string[]) {
    this.isEmpty = entries.length === 0;
    this.#trustsUnix = entries.includes('unix');
    for (const entry of entries) if (entry !== 'unix') this.#add(entry);
  }

  /** @param address an IP address, or empty for a Unix socket */
  has(address: string): boolean {
    if (address === '') return this.#trustsUnix;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  #add(entry: string): void {
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const prefix = Number(bits ?? most);
    if (family === 0 || prefix > most) {
      throw new PosternError(
        'CONFIG_INVALID',
        `"${entry}" is no trusted proxy: write an address, a network ("10.0.0.0/8") or "unix"`,
      );
    }
    this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
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
  };
  if (proxies.isEmpty || !proxies.has(peer.remoteAddress)) return direct;
  return behindProxy(direct, request, proxies);
}

function behindProxy(direct: Client, request: HttpRequest, proxies: TrustedProxies): Client {
  const told = parseForwarded(
    request.headers,
    (address) => proxies.has(address),
    (text) => isIP(text) !== 0,
  );
  const secure = told.scheme === null ? direct.secure : told.scheme === 'https';
  const defaultPort = told.scheme === null ? direct.serverPort : secure ? 443 : 80;
  return {
    remoteAddress: told.address ?? direct.remoteAddress,
    // The proxy's port says nothing about the client.
    remotePort: told.address === null ? direct.remotePort : 0,
    serverName: told.host?.name ?? direct.serverName,
    serverPort: told.port ?? told.host?.port ?? defaultPort,
    serverAddress: direct.serverAddress,
    secure,
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
