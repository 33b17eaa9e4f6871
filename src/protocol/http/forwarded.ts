// What a trusted proxy says of its client: X-Forwarded-For, -Proto, -Host and -Port, or the standard's own field, Forwarded (RFC 7239). Pure.
//
// Which of the two a proxy sets, the configuration says: it passes on what its client made up of the other, and the two cannot be told apart.

import { fieldValues } from './headers.ts';
import { type Host, parseHost } from './host.ts';

/** What a proxy said; null where it said nothing that is valid. */
export interface Forwarded {
  /** Address of the client, without a port. */
  readonly address: string | null;
  readonly scheme: 'http' | 'https' | null;
  readonly host: Host | null;
  readonly port: number | null;
}

/**
 * Reads the fields of a request whose peer is a trusted proxy. Each proxy appends to X-Forwarded-For, so the list is read from its
 * end: the first address that is not a trusted proxy's is the client. Of the other fields the last value counts.
 * @param isTrusted whether an address is a trusted proxy's; false for what is no address
 * @param isAddress whether a text is an IP address
 */
export function parseForwarded(
  headers: readonly string[],
  isTrusted: (address: string) => boolean,
  isAddress: (text: string) => boolean,
): Forwarded {
  const scheme = lastItem(headers, 'x-forwarded-proto')?.toLowerCase();
  const host = lastItem(headers, 'x-forwarded-host');
  const port = lastItem(headers, 'x-forwarded-port');
  return {
    address: clientAddress(items(headers, 'x-forwarded-for'), isTrusted, isAddress),
    scheme: scheme === 'http' || scheme === 'https' ? scheme : null,
    host: host === undefined ? null : parseHost(host),
    port: port !== undefined && /^\d{1,5}$/.test(port) && Number(port) <= 65535 ? Number(port) : null,
  };
}

/** Reads Forwarded, as `parseForwarded` reads the others: the last element is the nearest proxy's. */
export function parseStandardForwarded(
  headers: readonly string[],
  isTrusted: (address: string) => boolean,
  isAddress: (text: string) => boolean,
): Forwarded {
  const elements = fieldValues(headers, 'forwarded').flatMap(elementsOf);
  const last = elements.at(-1);
  const scheme = last?.get('proto')?.toLowerCase();
  const host = last?.get('host');
  return {
    address: clientAddress(
      elements.map((pairs) => pairs.get('for') ?? ''),
      isTrusted,
      isAddress,
    ),
    scheme: scheme === 'http' || scheme === 'https' ? scheme : null,
    host: host === undefined ? null : parseHost(host),
    port: null,
  };
}

/** The elements of one field, each with its parameters; those that are not well formed have none. */
function elementsOf(value: string): ReadonlyMap<string, string>[] {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return parts.map((part) => {
    const pairs = new Map<string, string>();
    for (const pair of part.match(/(?:"(?:[^"\\]|\\.)*"|[^;"])+/g) ?? []) {
      const [, name, token, quoted] =
        /^\s*([\w!#$%&'*+.^`|~-]+)=(?:([^\s"]+)|"((?:[^"\\]|\\.)*)")\s*$/.exec(pair) ?? [];
      if (name !== undefined) pairs.set(name.toLowerCase(), token ?? quoted!.replace(/\\(.)/g, '$1'));
    }
    return pairs;
  });
}

function clientAddress(
  list: readonly string[],
  isTrusted: (address: string) => boolean,
  isAddress: (text: string) => boolean,
): string | null {
  let client: string | null = null;
  for (let i = list.length - 1; i >= 0; i--) {
    const address = withoutPort(list[i]!);
    if (!isAddress(address)) return client;
    client = address;
    if (!isTrusted(address)) return client;
  }
  return client;
}

/** "192.0.2.1:4711" and "[2001:db8::1]:4711" as some proxies write them. */
function withoutPort(item: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(item);
  if (bracketed !== null) return bracketed[1]!;
  return /^[^:]+:\d+$/.test(item) ? item.slice(0, item.indexOf(':')) : item;
}

function items(headers: readonly string[], name: string): string[] {
  return fieldValues(headers, name).flatMap((value) => value.split(',').map((item) => item.trim()));
}

function lastItem(headers: readonly string[], name: string): string | undefined {
  return items(headers, name).at(-1);
}
