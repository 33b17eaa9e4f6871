// Socket addresses as people write them: "host:port", "[::1]:port", ":port", "port", "unix:/path".

import { resolve } from 'node:path';
import { PosternError } from '../errors.ts';

/** Where a socket listens or connects. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Reads an address.
 * @param text "127.0.0.1:9000", "[::1]:9000", ":9000" (every interface), "9000" (127.0.0.1), "unix:/run/x.sock" or "/run/x.sock"
 * @throws CONFIG_INVALID
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return unix(text.slice(5), text);
  if (text.startsWith('/')) return unix(text, text);
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:\s/[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw new PosternError('CONFIG_INVALID', `"${text}" is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH`);
  }
  const named = match[1] ?? match[2];
  return { kind: 'tcp', host: named === undefined ? '127.0.0.1' : named === '' ? '::' : named, port };
}

/** Whether other machines can reach it, for all that its text tells. */
export function isReachable(address: Address): boolean {
  if (address.kind === 'unix') return false;
  return !(address.host === 'localhost' || address.host === '::1' || /^127\./.test(address.host));
}

/** The text of an address with the path of its socket file, where it has one, started from a folder: "unix:x.sock", "fastcgi+unix:x.sock". */
export function absoluteAddress(text: string, folder: string): string {
  return text.replace(
    /^((?:fastcgi\+)?unix:)(.+)$/,
    (_, scheme: string, path: string) => scheme + resolve(folder, path),
  );
}

/** The address as text that `parseAddress` reads. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

function unix(path: string, text: string): Address {
  if (!path.startsWith('/')) {
    throw new PosternError('CONFIG_INVALID', `"${text}" is not an address: the path after unix: must begin with /`);
  }
  // sockaddr_un holds 108 bytes with the final NUL (unix(7)); a longer path would be cut without a word.
  if (Buffer.byteLength(path) > 107) {
    throw new PosternError('CONFIG_INVALID', `socket path "${path}" is longer than 107 bytes: choose a shorter one`);
  }
  return { kind: 'unix', path };
}
