// The tables of HPACK (RFC 7541, section 2.3): the static one (appendix A), and one connection's dynamic one. Pure.

/** Names and values of the static table. The first index is 1. */
const fields: readonly (readonly [name: string, value?: string])[] = [
  [''],
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
];

export const staticNames: readonly string[] = fields.map(([name]) => name);
export const staticValues: readonly string[] = fields.map(([, value = '']) => value);

/** Entries of the static table. */
export const staticCount = fields.length - 1;

/** What a dynamic table may hold, by the RFC's count, where its owner has allowed nothing else. */
export const tableBytes = 4_096;

/** By that count an entry has so many bytes besides its name and value. */
const entryBytes = 32;

/** Entries that a table can have at most; a power of two. */
const places = 128;

/** A dynamic table. Entries are counted from 0, the newest first. */
export class DynamicTable {
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  /** Whether an entry's field is well formed, which is looked at once. */
  readonly #isValid: boolean[] = [];
  /** The same of its name, which a later field may have with another value. */
  readonly #isNameValid: boolean[] = [];
  #newest = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes = tableBytes;

  get count(): number {
    return this.#count;
  }

  nameAt(index: number): string {
    return this.#names[(this.#newest - index) & (places - 1)]!;
  }

  valueAt(index: number): string {
    return this.#values[(this.#newest - index) & (places - 1)]!;
  }

  isValidAt(index: number): boolean {
    return this.#isValid[(this.#newest - index) & (places - 1)]!;
  }

  isNameValidAt(index: number): boolean {
    return this.#isNameValid[(this.#newest - index) & (places - 1)]!;
  }

  /** @param maxBytes no more than `tableBytes` */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#makeRoom(0);
  }

  /** One that has no room empties the table (4.4). */
  add(name: string, value: string, isValid: boolean, isNameValid: boolean): void {
    const bytes = name.length + value.length + entryBytes;
    this.#makeRoom(bytes);
    if (bytes > this.#maxBytes) return;
    this.#newest = (this.#newest + 1) & (places - 1);
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#isValid[this.#newest] = isValid;
    this.#isNameValid[this.#newest] = isNameValid;
    this.#count += 1;
    this.#bytes += bytes;
  }

  #makeRoom(bytes: number): void {
    while (this.#count > 0 && this.#bytes + bytes > this.#maxBytes) {
      const oldest = (this.#newest - this.#count + 1) & (places - 1);
      this.#bytes -= this.#names[oldest]!.length + this.#values[oldest]!.length + entryBytes;
      this.#names[oldest] = '';
      this.#values[oldest] = '';
      this.#count -= 1;
    }
  }
}
