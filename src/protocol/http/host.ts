// The Host field (RFC 9110, section 7.2): a name or address, and perhaps a port. Pure.

/** A Host field, taken apart. */
export interface Host {
  /** Name, IPv4 address, or IPv6 address in brackets; in lower case. */
  readonly name: string;
  /** null where none was given. */
  readonly port: number | null;
}

// Names as DNS and people write them ("_" too); nothing of a URL's other characters, since programs paste this into links.
const HOST = /^(?:([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}))|(\[[0-9A-Fa-f:.]{2,45}\]))(?::(\d{1,5}))?$/;

/** Reads a Host field; null when it is not valid. */
export function parseHost(value: string): Host | null {
  const match = HOST.exec(value);
  if (match === null) return null;
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && port > 65535) return null;
  return { name: (match[1] ?? match[2]!).toLowerCase(), port };
}
