// Frames of HTTP/2 (RFC 9113, sections 4 and 6) and fields in HPACK (RFC 7541), written and read by hand, so that a test can say what no library would.

/** A frame that came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const types = {
  ...{ DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7 },
  ...{ WINDOW_UPDATE: 8, CONTINUATION: 9 },
} as const;

export const flags = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;

export const codes = {
  ...{ NO_ERROR: 0, PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2, FLOW_CONTROL_ERROR: 3, SETTINGS_TIMEOUT: 4 },
  ...{ STREAM_CLOSED: 5, FRAME_SIZE_ERROR: 6, REFUSED_STREAM: 7, CANCEL: 8, COMPRESSION_ERROR: 9, CONNECT_ERROR: 10 },
  ...{ ENHANCE_YOUR_CALM: 11, INADEQUATE_SECURITY: 12, HTTP_1_1_REQUIRED: 13 },
} as const;

export const settingIds = {
  ...{ HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5 },
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A frame as it stands on the wire. @param length what its length field says, where that is not true */
export function frame(type: number, flag: number, stream: number, payload: Buffer = Buffer.alloc(0), length?: number) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length ?? payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

export const data = (stream: number, body: string | Buffer, flag = 0): Buffer =>
  frame(types.DATA, flag, stream, typeof body === 'string' ? Buffer.from(body, 'latin1') : body);

export function settings(values: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value >>> 0, index * 6 + 2);
  });
  return frame(types.SETTINGS, 0, 0, payload);
}

export const settingsAck = frame(types.SETTINGS, flags.ACK, 0);

export const ping = (payload = 'pingpong', flag = 0, stream = 0): Buffer =>
  frame(types.PING, flag, stream, Buffer.from(payload, 'latin1'));

export const uint32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => void bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
};

export const reset = (stream: number, code: number = codes.CANCEL): Buffer =>
  frame(types.RST_STREAM, 0, stream, uint32(code));

export const windowUpdate = (stream: number, increment: number): Buffer =>
  frame(types.WINDOW_UPDATE, 0, stream, uint32(increment));

export const goaway = (last = 0, code: number = codes.NO_ERROR, debug = ''): Buffer =>
  frame(types.GOAWAY, 0, 0, Buffer.concat([uint32(last, code), Buffer.from(debug)]));

/** @param dependsOn with the bit of "exclusive" */
export const priority = (stream: number, dependsOn = 0, weight = 15): Buffer =>
  frame(types.PRIORITY, 0, stream, Buffer.concat([uint32(dependsOn), Buffer.from([weight])]));

export const headers = (stream: number, block: Buffer, flag: number = flags.END_HEADERS | flags.END_STREAM): Buffer =>
  frame(types.HEADERS, flag, stream, block);

export const continuation = (stream: number, block: Buffer, flag: number = flags.END_HEADERS): Buffer =>
  frame(types.CONTINUATION, flag, stream, block);

/** An integer with a prefix of so many bits (RFC 7541, 5.1), above the bits of `first`. */
export function integer(value: number, bits: number, first: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([first | value]);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A string as it is (RFC 7541, 5.2). */
export function plain(text: string): Buffer {
  return Buffer.concat([integer(text.length, 7, 0), Buffer.from(text, 'latin1')]);
}

/** Fields as literals that are not indexed (RFC 7541, 6.2.2). */
export function literals(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), plain(name), plain(value)])));
}

/** A field as a literal that goes into the dynamic table (RFC 7541, 6.2.1). */
export const indexing = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0x40]), plain(name), plain(value)]);

/** A field by its place in the tables (RFC 7541, 6.1). */
export const indexed = (at: number): Buffer => integer(at, 7, 0x80);

type Field = readonly [name: string, value: string];

/** The fields of a request. */
export function request(method = 'GET', path = '/', ...more: readonly Field[]): Buffer {
  return literals(
    ...([[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'a.example'], ...more] as Field[]),
  );
}

/** The frames that a byte string begins with, whole ones. */
export function readFrames(text: string): Frame[] {
  const bytes = Buffer.from(text, 'latin1');
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) break;
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      stream,
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

const indexedStatuses = [200, 204, 206, 304, 400, 404, 500];

/** Digits in HPACK's Huffman code (RFC 7541, appendix B). */
const digitCodes = ['00000', '00001', '00010', '011001', '011010', '011011', '011100', '011101', '011110', '011111'];

/** The status of an answer, from its HEADERS: its first field, with the name from the static table. 0: none. */
export function statusOf({ payload }: Frame): number {
  // The size of the dynamic table may be told first (RFC 7541, 6.3).
  let at = 0;
  while (payload[at] !== undefined && (payload[at]! & 0xe0) === 0x20) at += 1;
  const first = payload[at] ?? 0;
  if ((first & 0x80) !== 0) return indexedStatuses[(first & 0x7f) - 8] ?? 0;
  const nameAt = first & ((first & 0x40) !== 0 ? 0x3f : 0x0f);
  const length = payload[at + 1] ?? 0;
  if (nameAt < 8 || nameAt > 14) return 0;
  const value = payload.subarray(at + 2, at + 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString('latin1') : decodeDigits(value));
}

function decodeDigits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  for (;;) {
    const digit = digitCodes.findIndex((code) => bits.startsWith(code));
    if (digit === -1) return text;
    text += String(digit);
    bits = bits.slice(digitCodes[digit]!.length);
  }
}
