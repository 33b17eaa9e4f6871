// Where each key of a TOML document stands, so that an error can name its line. For documents that parsed already. Pure.

import { type Lines, pathKey } from './problem.ts';

/** Finds the lines of all keys. The text must be valid TOML: what is not is skipped in some way. */
export function tomlLines(text: string): Lines {
  const scanner = new Scanner(text);
  scanner.document();
  return scanner.lines;
}

class Scanner {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;
  /** Path of the table that keys belong to now. */
  #table: string[] = [];
  /** How many elements each array of tables has so far. */
  readonly #counts = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    for (this.#blank(); this.#at < this.#text.length; this.#blank()) {
      if (this.#text[this.#at] === '[') this.#header();
      else this.#pair(this.#table);
    }
  }

  /** `[a.b]` or `[[a.b]]`. */
  #header(): void {
    const isArray = this.#text[this.#at + 1] === '[';
    this.#at += isArray ? 2 : 1;
    const names = this.#key();
    this.#at += isArray ? 2 : 1;
    // A name on the way that is an array of tables means its last element (TOML 1.0, "Array of Tables").
    const path: string[] = [];
    names.forEach((name, index) => {
      path.push(name);
      this.#note(path);
      const count = this.#counts.get(pathKey(path));
      if (index < names.length - 1 && count !== undefined) path.push(String(count - 1));
    });
    if (isArray) {
      const count = this.#counts.get(pathKey(path)) ?? 0;
      this.#counts.set(pathKey(path), count + 1);
      path.push(String(count));
      this.#note(path);
    }
    this.#table = path;
  }

  /** `key = value`. */
  #pair(table: readonly string[]): void {
    const start = this.#at;
    const path = [...table];
    for (const name of this.#key()) {
      path.push(name);
      this.#note(path);
    }
    this.#blank();
    if (this.#text[this.#at] === '=') this.#at += 1;
    this.#blank();
    this.#value(path);
    if (this.#at === start) this.#at += 1;
  }

  /** A dotted key, each part bare or quoted. */
  #key(): string[] {
    const names: string[] = [];
    for (;;) {
      this.#blank();
      const quote = this.#text[this.#at];
      if (quote === '"' || quote === "'") names.push(this.#string());
      else {
        const bare = /[A-Za-z0-9_-]*/y;
        bare.lastIndex = this.#at;
        const name = bare.exec(this.#text)?.[0] ?? '';
        this.#at += name.length;
        names.push(name);
      }
      this.#blank();
      if (this.#text[this.#at] !== '.') return names;
      this.#at += 1;
    }
  }

  #value(path: readonly string[]): void {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") this.#string();
    else if (first === '[') this.#items(']', (index) => this.#element([...path, String(index)]));
    else if (first === '{') this.#items('}', () => this.#pair(path));
    else {
      while (this.#at < this.#text.length && !/[\n,\]}#]/.test(this.#text[this.#at]!)) this.#at += 1;
    }
  }

  #element(path: readonly string[]): void {
    this.#note(path);
    this.#value(path);
  }

  /** What stands between brackets, with commas. */
  #items(close: string, item: (index: number) => void): void {
    this.#at += 1;
    for (let index = 0; this.#at < this.#text.length; ) {
      this.#blank();
      const next = this.#text[this.#at];
      if (next === close) {
        this.#at += 1;
        return;
      }
      const before = this.#at;
      if (next !== ',') item(index++);
      if (this.#at === before) this.#at += 1;
    }
  }

  /** A string of any of the four kinds. Escapes are not decoded: a quoted key with escapes is only named less well. */
  #string(): string {
    const quote = this.#text[this.#at]!;
    const long = this.#text.startsWith(quote.repeat(3), this.#at);
    const close = long ? quote.repeat(3) : quote;
    const from = this.#at + close.length;
    let end = from;
    while (end < this.#text.length && !this.#text.startsWith(close, end)) {
      end += quote === '"' && this.#text[end] === '\\' ? 2 : 1;
    }
    // Up to two quotes more may belong to a long string's end.
    this.#at = end + close.length;
    while (long && this.#text[this.#at] === quote) this.#at += 1;
    const inside = this.#text.slice(from, end);
    this.#line += inside.split('\n').length - 1;
    return inside;
  }

  /** Skips spaces, line ends and comments. */
  #blank(): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const byte = this.#text[this.#at]!;
      if (byte === '\n') this.#line += 1;
      else if (byte === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = (end === -1 ? this.#text.length : end) - 1;
      } else if (byte !== ' ' && byte !== '\t' && byte !== '\r' && byte !== '\uFEFF') return;
    }
  }

  #note(path: readonly string[]): void {
    const key = pathKey(path);
    if (!this.lines.has(key)) this.lines.set(key, this.#line);
  }
}
