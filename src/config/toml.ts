// TOML text as values, and where each of them stands, so that an error can name its line.

import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import { type Lines, type Path, pathKey } from './problem.ts';
import { openBracket } from './toml-brackets.ts';

/** What a text holds. */
export interface TomlDocument {
  readonly value: unknown;
  readonly lines: Lines;
}

/** Why a text is no TOML. */
export class TomlError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

type Table = Record<string, unknown>;

/** Reads a text. @throws TomlError */
export function parseToml(text: string): TomlDocument {
  let program: AST.TOMLProgram;
  try {
    // Some editors begin a file with a byte order mark, which is no part of it.
    program = parseTOML(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const bracket = openBracket(text, error.lineNumber);
    const parser = `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)} (column ${error.column + 1})`;
    throw new TomlError(bracket?.what ?? parser, bracket?.line ?? error.lineNumber);
  }
  const reader = new Reader();
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') reader.pair(node, reader.value, []);
    else reader.table(node);
  }
  return reader;
}

class Reader implements TomlDocument {
  readonly value: Table = {};
  readonly lines = new Map<string, number>();

  /** `[a.b]` or `[[a.b]]` with what follows. */
  table({ resolvedKey, loc, body }: AST.TOMLTable): void {
    let table = this.value;
    resolvedKey.forEach((name, index) => {
      this.#note(resolvedKey.slice(0, index + 1), loc);
      table = inner(table, name, typeof resolvedKey[index + 1] === 'number' ? [] : {});
    });
    for (const pair of body) this.pair(pair, table, resolvedKey);
  }

  /** `key = value`, where the key may be dotted. */
  pair({ key, value }: AST.TOMLKeyValue, table: Table, path: Path): void {
    const names = key.keys.map((one) => (one.type === 'TOMLBare' ? one.name : one.value));
    names.forEach((_, index) => {
      this.#note([...path, ...names.slice(0, index + 1)], key.loc);
    });
    const last = names.pop()!;
    const parent = names.reduce((at, name) => inner(at, name, {}), table);
    set(parent, last, this.#read(value, [...path, ...names, last]));
  }

  #read(node: AST.TOMLContentNode, path: Path): unknown {
    if (node.type === 'TOMLValue') return node.value;
    if (node.type === 'TOMLArray') {
      return node.elements.map((element, index) => {
        this.#note([...path, index], element.loc);
        return this.#read(element, [...path, index]);
      });
    }
    const table: Table = {};
    for (const pair of node.body) this.pair(pair, table, path);
    return table;
  }

  /** The first mention counts. */
  #note(path: Path, { start }: AST.TOMLNode['loc']): void {
    const key = pathKey(path);
    if (!this.lines.has(key)) this.lines.set(key, start.line);
  }
}

/** The table or list of a name, made where there is none. */
function inner(table: Table, name: string | number, fresh: Table | unknown[]): Table {
  if (!Object.hasOwn(table, name)) set(table, String(name), fresh);
  return table[name] as Table;
}

/** As a property of its own, whatever its name: "__proto__" would else change what every object is. */
function set(table: Table, name: string, value: unknown): void {
  Object.defineProperty(table, name, { value, writable: true, enumerable: true, configurable: true });
}
