// The lines of a configuration's keys, found when the first is asked for: a file without faults needs none.

import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type { Lines } from './problem.ts';

const require = createRequire(import.meta.url);

/** The parser that keeps positions: five times as slow as the one that reads, so that it is loaded when something is to be told. */
export function positions(): typeof import('./toml-positions.ts') {
  // As TypeScript from a checkout, as JavaScript when built.
  return require(`./toml-positions${extname(import.meta.url)}`);
}

/** The lines of a text. @param text null: there is none */
export function linesOf(text: string | null): Lines {
  return new LazyLines(text);
}

class LazyLines implements Lines {
  readonly #text: string | null;
  #lines: Lines | null = null;

  constructor(text: string | null) {
    this.#text = text;
  }

  get(key: string): number | undefined {
    if (this.#text === null) return undefined;
    this.#lines ??= positions().linesIn(this.#text);
    return this.#lines.get(key);
  }
}
