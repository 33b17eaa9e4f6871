// The value of Host (RFC 9110, section 7.2): a name or address, and perhaps a port. Pure.

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
  if (match[2] !== undefined && !isIPv6(match[2].slice(1, -1))) return null;
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && port > 65535) return null;
  return { name: (match[1] ?? match[2]!).toLowerCase(), port };
}

/** Whether a text is an IPv6 address without a zone (RFC 4291, section 2.2). */
function isIPv6(text: string): boolean {
  const [head = '', tail, third] = text.split('::');
  if (third !== undefined) return false;
  const before = groupsOf(head, tail === undefined);
  const after = tail === undefined ? 0 : groupsOf(tail, true);
  return tail === undefined ? before === 8 : before + after <= 7;
}

/** How many groups of 16 bits a part has; infinite where it is none. @param isLast whether it may end in an IPv4 address */
function groupsOf(part: string, isLast: boolean): number {
  if (part === '') return 0;
  const groups = part.split(':');
  const last = groups.at(-1)!;
  const isMixed = isLast && last.includes('.');
  if (isMixed) groups.pop();
  if (isMixed && !/^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(last))
    return Number.POSITIVE_INFINITY;
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return Number.POSITIVE_INFINITY;
  return groups.length + (isMixed ? 2 : 0);
}
