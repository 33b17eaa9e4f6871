// What a TLS client says first: for which name it came and what it would speak (RFC 8446, section 4.1.2; RFC 6066, section 3; RFC 7301). Pure.
//
//   record     | type 22 | version u16 | length u16 | fragment ...
//   handshake  | type 1  | length u24  | version u16 | random 32 | session id <u8> | ciphers <u16> | compressions <u8> | extensions <u16>
//   extension  | type u16 | length u16 | ...
//
// Only what decides about the certificate is read; the library judges the rest.

/** What it says. */
export interface ClientHello {
  /** In lower case; null: it gives no name. */
  readonly serverName: string | null;
  /** Protocols it offers (ALPN), in its order. */
  readonly protocols: readonly string[];
}

/** A hello that is longer is none: it is some two kilobytes with all that clients send today. */
export const maxHelloBytes = 16_384;

const recordBytes = 5;
const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const protocolsExtension = 16;

const nothingSaid: ClientHello = { serverName: null, protocols: [] };

/**
 * Reads the hello that a connection begins with.
 * @returns "more": it is not whole yet; with nothing said: it is none that could be read, and the library will say so to the client
 */
export function readClientHello(bytes: Buffer): ClientHello | 'more' {
  const handshake = joinRecords(bytes);
  if (handshake === null) return nothingSaid;
  if (handshake.length < 4) return 'more';
  if (handshake[0] !== clientHello) return nothingSaid;
  const length = handshake.readUIntBE(1, 3);
  if (length > maxHelloBytes) return nothingSaid;
  if (handshake.length < 4 + length) return 'more';
  return readExtensions(new Cursor(handshake.subarray(4, 4 + length)));
}

/** What the records carry, which may cut the message anywhere; null: they are no handshake. */
function joinRecords(bytes: Buffer): Buffer | null {
  const fragments: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== handshakeRecord) return null;
    if (bytes.length - at < recordBytes) break;
    const length = bytes.readUInt16BE(at + 3);
    // A record that carries nothing would let a client make us read for ever.
    if (length === 0) return null;
    fragments.push(bytes.subarray(at + recordBytes, at + recordBytes + length));
    at += recordBytes + length;
  }
  return fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments);
}

function readExtensions(hello: Cursor): ClientHello {
  hello.skip(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  const extensions = new Cursor(hello.vector(2));
  let { serverName, protocols } = nothingSaid;
  while (extensions.left >= 4) {
    const type = extensions.number(2);
    const body = new Cursor(extensions.vector(2));
    if (type === serverNameExtension) serverName = readServerName(body);
    else if (type === protocolsExtension) protocols = readProtocols(body);
  }
  return { serverName, protocols };
}

function readServerName(body: Cursor): string | null {
  const names = new Cursor(body.vector(2));
  while (names.left >= 3) {
    const isHostName = names.number(1) === 0;
    const name = names.vector(2).toString('latin1').toLowerCase();
    if (isHostName) return /^[a-z0-9_.-]{1,255}$/.test(name) ? name : null;
  }
  return null;
}

function readProtocols(body: Cursor): string[] {
  const list = new Cursor(body.vector(2));
  const protocols: string[] = [];
  while (list.left > 0) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

/** Reads forward; past the end there are only zeros and empty vectors. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return Math.max(0, this.#bytes.length - this.#at);
  }

  skip(count: number): void {
    this.#at += count;
  }

  /** An unsigned number of so many bytes. */
  number(size: 1 | 2): number {
    const value = this.left < size ? 0 : this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  /** Bytes behind their length, which itself has so many bytes. */
  vector(size: 1 | 2): Buffer {
    const length = this.number(size);
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }
}
