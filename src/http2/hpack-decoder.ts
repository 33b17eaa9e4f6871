// Reads blocks of fields in HPACK (RFC 7541): one decoder for all blocks of a connection, in their order. Pure.

import { bytesText, tableOf, valueBytes } from '../protocol/bytes.ts';
import { DynamicTable, staticCount, staticNames, staticValues, tableBytes } from './hpack-tables.ts';
import { errorCodes, Http2Fault } from './http2-codes.ts';
import { decodeHuffman, longestDecoded } from './huffman-code.ts';

/** What may be read of one block. What is above it is read, for the table's sake, and left out. */
export interface BlockLimits {
  readonly maxFields: number;
  /** Of names and values. */
  readonly maxBytes: number;
}

/** Where short strings are decoded. */
const scratch = Buffer.alloc(4_096);

const colon = 0x3a;

/** Bytes of a name (RFC 9113, 8.2.1): a token in lower case. */
const nameBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9a-z]/.test(String.fromCharCode(code)));

/** The decoder of one connection. */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  readonly #limits: BlockLimits;
  #bytes: Buffer = scratch;
  #at = 0;
  #to = 0;
  /** Whether the string that was read last is well formed as what it is. */
  #isStringValid = true;
  /** Whether all fields of the block that was read last are well formed. */
  isValid = true;
  /** Whether it was within the limits. */
  isWithin = true;

  constructor(limits: BlockLimits) {
    this.#limits = limits;
  }

  /**
   * Reads a block.
   * @returns name, value, name, value: byte strings
   * @throws Http2Fault when it is none: nothing that follows can be read
   */
  decode(bytes: Buffer, from: number, to: number): string[] {
    const fields: string[] = [];
    const { maxFields, maxBytes } = this.#limits;
    const table = this.#table;
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    this.isValid = true;
    this.isWithin = true;
    let room = maxBytes;
    while (this.#at < to) {
      const byte = bytes[this.#at]!;
      let name: string;
      let value: string;
      let isValid = true;
      if (byte >= 0x80) {
        const index = this.#integer(0x7f);
        if (index === 0 || index > staticCount + table.count) throw broken('a field that is in no table');
        if (index <= staticCount) {
          name = staticNames[index]!;
          value = staticValues[index]!;
        } else {
          name = table.nameAt(index - staticCount - 1);
          value = table.valueAt(index - staticCount - 1);
          isValid = table.isValidAt(index - staticCount - 1);
        }
      } else if ((byte & 0xe0) === 0x20) {
        this.#resize(fields.length > 0 || !this.isWithin);
        continue;
      } else {
        const isKept = byte >= 0x40;
        const index = this.#integer(isKept ? 0x3f : 0x0f);
        if (index > staticCount + table.count) throw broken('a name that is in no table');
        let isNameValid = true;
        if (index === 0) {
          name = this.#string(nameBytes);
          isNameValid = this.#isStringValid;
        } else if (index <= staticCount) name = staticNames[index]!;
        else {
          name = table.nameAt(index - staticCount - 1);
          isNameValid = table.isNameValidAt(index - staticCount - 1);
        }
        value = this.#string(valueBytes);
        isValid = isNameValid && this.#isStringValid;
        if (isKept) table.add(name, value, isValid, isNameValid);
      }
      if (!isValid) this.isValid = false;
      room -= name.length + value.length;
      if (room < 0 || fields.length === maxFields * 2) this.isWithin = false;
      else fields.push(name, value);
    }
    this.#bytes = scratch;
    return fields;
  }

  #resize(isLate: boolean): void {
    const bytes = this.#integer(0x1f);
    if (isLate || bytes > tableBytes) throw broken('a size of the table that is too large, or comes too late');
    this.#table.resize(bytes);
  }

  /** An integer (5.1). @param most what its first byte can hold, all ones */
  #integer(most: number): number {
    const first = this.#bytes[this.#at]! & most;
    this.#at += 1;
    if (first < most) return first;
    let value = most;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#to) break;
      const byte = this.#bytes[this.#at]!;
      this.#at += 1;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken('an integer without an end');
  }

  /** A string (5.2). @param allowed the bytes that it may have */
  #string(allowed: Uint8Array): string {
    if (this.#at >= this.#to) throw broken('a field without its end');
    const isCoded = this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(0x7f);
    const from = this.#at;
    if (length > this.#to - from) throw broken('a string that is longer than its block');
    this.#at += length;
    if (!isCoded) {
      this.#isStringValid = isWellFormed(this.#bytes, from, this.#at, allowed);
      return bytesText(this.#bytes, from, this.#at);
    }
    const most = longestDecoded(length);
    const into = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
    const decoded = decodeHuffman(this.#bytes, from, this.#at, into);
    if (decoded === -1) throw broken('a string that is not in the Huffman code');
    this.#isStringValid = isWellFormed(into, 0, decoded, allowed);
    return bytesText(into, 0, decoded);
  }
}

function isWellFormed(bytes: Uint8Array, from: number, to: number, allowed: Uint8Array): boolean {
  let at = from;
  if (allowed === nameBytes) {
    if (bytes[at] === colon) at += 1;
    if (at === to) return false;
  } else if (to > from && (isBlank(bytes[from]!) || isBlank(bytes[to - 1]!))) return false;
  for (; at < to; at += 1) if (allowed[bytes[at]!] === 0) return false;
  return true;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function broken(what: string): Http2Fault {
  return new Http2Fault(errorCodes.compressionError, `its fields are no HPACK: ${what}`);
}
