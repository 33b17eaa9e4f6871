// The addresses a site listens on, as the configuration writes them: "127.0.0.1:8000", "https://:443", "h2c://127.0.0.1:8000", "fastcgi://127.0.0.1:9000". Pure.

import { type Address, formatAddress, parseAddress } from '../connection/address.ts';
import { PosternError } from '../errors.ts';

export { absoluteAddress } from '../connection/address.ts';

const defaultPorts = { http: 80, h2c: 80, https: 443 } as const;

/** One address and what is spoken there. */
export interface ListenAddress {
  /** h2c: HTTP/1.1, and HTTP/2 for clients that know of it. */
  readonly protocol: 'http' | 'h2c' | 'https' | 'fastcgi';
  readonly address: Address;
}

/**
 * Reads "127.0.0.1:8000", ":8000", "http://127.0.0.1:8000", "https://:443", "h2c://127.0.0.1:8000", "unix:/run/site.sock", "h2c+unix:/run/site.sock",
 * "fastcgi://127.0.0.1:9000" or "fastcgi+unix:/run/app.sock".
 * @throws CONFIG_INVALID
 */
export function parseListenAddress(text: string): ListenAddress {
  const scheme = /^([a-z][a-z0-9+]*):\/\//.exec(text)?.[1];
  if (text.startsWith('fastcgi+unix:')) return { protocol: 'fastcgi', address: parseAddress(text.slice(8)) };
  if (text.startsWith('h2c+unix:')) return { protocol: 'h2c', address: parseAddress(text.slice(4)) };
  if (scheme === undefined) return { protocol: 'http', address: parseAddress(text) };
  const rest = text.slice(scheme.length + 3).replace(/\/$/, '');
  switch (scheme) {
    case 'http':
    case 'h2c':
    case 'https':
    case 'fastcgi':
      return { protocol: scheme, address: parseAddress(rest) };
    default:
      throw new PosternError('CONFIG_INVALID', `"${text}": "${scheme}" is not http, https, h2c or fastcgi`);
  }
}

/** The address as text that `parseListenAddress` reads; the same text for the same socket. */
export function formatListenAddress({ protocol, address }: ListenAddress): string {
  const text = formatAddress(address);
  if (protocol === 'http') return text;
  return address.kind === 'unix' ? `${protocol}+${text}` : `${protocol}://${text}`;
}

/** The URL to open in a browser; null where there is none. @param name of the site, where it has one */
export function urlOf({ protocol, address }: ListenAddress, name?: string): string | null {
  if (protocol === 'fastcgi' || address.kind !== 'tcp') return null;
  const isName = name !== undefined && !name.startsWith('*');
  const host = isName ? name : address.host === '::' || address.host === '0.0.0.0' ? '127.0.0.1' : address.host;
  const port = address.port === defaultPorts[protocol] ? '' : `:${address.port}`;
  return `${protocol === 'h2c' ? 'http' : protocol}://${host.includes(':') && !isName ? `[${host}]` : host}${port}/`;
}
