// Where each key of a TOML text stands, and why a text is no TOML: for errors, which name their line. Its parser is slow, and is loaded only for them.

import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import { type Lines, type Path, pathKey, type TomlFault } from './problem.ts';
import { openBracket } from './toml-brackets.ts';

/** The lines of what a text holds. None where this parser cannot read it, and why. */
export function linesIn(text: string): Lines {
  const program = read(text);
  if (!('body' in program)) return { get: () => undefined, fault: program };
  const reader = new PositionReader();
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') reader.pair(node, []);
    else reader.table(node);
  }
  return { get: (key) => reader.lines.get(key), fault: null };
}

function read(text: string): AST.TOMLProgram | TomlFault {
  try {
    return parseTOML(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const bracket = openBracket(text, error.lineNumber);
    const parser = `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)} (column ${error.column + 1})`;
    return { message: bracket?.what ?? parser, line: bracket?.line ?? error.lineNumber };
  }
}

class PositionReader {
  readonly lines = new Map<string, number>();

  /** `[a.b]` or `[[a.b]]` with what follows. */
  table({ resolvedKey, loc, body }: AST.TOMLTable): void {
    this.#noteAll([], resolvedKey, loc);
    for (const pair of body) this.pair(pair, resolvedKey);
  }

  /** `key = value`, where the key may be dotted. */
  pair({ key, value }: AST.TOMLKeyValue, path: Path): void {
    const names = key.keys.map((one) => (one.type === 'TOMLBare' ? one.name : one.value));
    this.#noteAll(path, names, key.loc);
    this.#value(value, [...path, ...names]);
  }

  #value(node: AST.TOMLContentNode, path: Path): void {
    if (node.type === 'TOMLInlineTable') {
      for (const pair of node.body) this.pair(pair, path);
    } else if (node.type === 'TOMLArray') {
      node.elements.forEach((element, index) => {
        this.#note([...path, index], element.loc);
        this.#value(element, [...path, index]);
      });
    }
  }

  #noteAll(path: Path, names: Path, loc: AST.TOMLNode['loc']): void {
    names.forEach((_, index) => {
      this.#note([...path, ...names.slice(0, index + 1)], loc);
    });
  }

  /** The first mention counts. */
  #note(path: Path, { start }: AST.TOMLNode['loc']): void {
    const key = pathKey(path);
    if (!this.lines.has(key)) this.lines.set(key, start.line);
  }
}
