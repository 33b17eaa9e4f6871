// What a proxy says of its client ahead of everything else on a connection: HAProxy's PROXY protocol, versions 1 (a line of text) and 2 (binary);
// https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. Pure.
//
//   1  PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 CR LF
//   2  | signature 12 | version 2, command (0 LOCAL, 1 PROXY) | family, transport | length u16 | addresses, ports, more |

/** Both ends of the client's own connection. */
export interface ProxiedClient {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** What was read. */
export interface ProxyHeader {
  /** Bytes that it has. */
  readonly length: number;
  /** null: the proxy speaks for itself (a health check), or says nothing that is an address. */
  readonly client: ProxiedClient | null;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** The longest line of version 1, and what we take of version 2: addresses with some more behind them. */
const longestLine = 107;
const longestBlock = 4_096;

/**
 * @param versionOf 4 or 6 for an IP address; anything else for what is none
 * @returns "more": it is not whole yet; "bad": it is none
 */
export function readProxyHeader(bytes: Buffer, versionOf: (text: string) => number): ProxyHeader | 'more' | 'bad' {
  const known = Math.min(bytes.length, signature.length);
  if (bytes.subarray(0, known).equals(signature.subarray(0, known))) return known < 12 ? 'more' : readBlock(bytes);
  return readLine(bytes, versionOf);
}

function readLine(bytes: Buffer, versionOf: (text: string) => number): ProxyHeader | 'more' | 'bad' {
  const text = bytes.toString('latin1', 0, longestLine);
  const end = text.indexOf('\r\n');
  if (!'PROXY '.startsWith(text.slice(0, 6))) return 'bad';
  if (end === -1) return text.length < longestLine ? 'more' : 'bad';
  const length = end + 2;
  const [, family, remoteAddress = '', localAddress = '', remotePort = '', localPort = '', more] = text
    .slice(0, end)
    .split(' ');
  if (family === 'UNKNOWN') return { length, client: null };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : null;
  const areAddresses = versionOf(remoteAddress) === version && versionOf(localAddress) === version;
  if (!areAddresses || !isPort(remotePort) || !isPort(localPort) || more !== undefined) return 'bad';
  const client = { remoteAddress, remotePort: Number(remotePort), localAddress, localPort: Number(localPort) };
  return { length, client };
}

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function readBlock(bytes: Buffer): ProxyHeader | 'more' | 'bad' {
  if (bytes.length < 16) return 'more';
  const [command, family, size] = [bytes[12]!, bytes[13]!, bytes.readUInt16BE(14)];
  if (command >> 4 !== 2 || (command & 15) > 1 || size > longestBlock) return 'bad';
  const length = 16 + size;
  if (bytes.length < length) return 'more';
  const addressBytes = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if ((command & 15) === 0 || addressBytes === 0) return { length, client: null };
  if (size < 2 * addressBytes + 4) return 'bad';
  const ports = 16 + 2 * addressBytes;
  const client = {
    remoteAddress: addressOf(bytes.subarray(16, 16 + addressBytes)),
    localAddress: addressOf(bytes.subarray(16 + addressBytes, ports)),
    remotePort: bytes.readUInt16BE(ports),
    localPort: bytes.readUInt16BE(ports + 2),
  };
  return { length, client };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
