// The lines of a configuration's keys, found when the first is asked for: a file without faults needs none, unless its sites have rules, which are named
// by their lines.

import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type { Lines, TomlFault } from './problem.ts';

const require = createRequire(import.meta.url);

/** The lines of a text. @param text null: there is none */
export function linesOf(text: string | null): Lines {
  return new LazyLines(text);
}

/** Why a text is no TOML, as the parser says it that keeps positions; null: it can read it, or cannot be loaded. */
export function faultIn(text: string): TomlFault | null {
  return positions()?.linesIn(text).fault ?? null;
}

/**
 * The parser that keeps positions: five times as slow as the one that reads, so that it is loaded when something is to be told.
 * null: it cannot be loaded, since the program was replaced meanwhile or there are no descriptors left. What is to be told matters more.
 */
function positions(): typeof import('./toml-positions.ts') | null {
  try {
    // As TypeScript from a checkout, as JavaScript when built.
    return require(`./toml-positions${extname(import.meta.url)}`);
  } catch {
    return null; // told without lines
  }
}

class LazyLines implements Lines {
  readonly #text: string | null;
  #lines: Lines | null = null;

  constructor(text: string | null) {
    this.#text = text;
  }

  get fault(): TomlFault | null {
    return this.#found.fault;
  }

  get(key: string): number | undefined {
    return this.#found.get(key);
  }

  get #found(): Lines {
    this.#lines ??= (this.#text === null ? null : positions()?.linesIn(this.#text)) ?? none;
    return this.#lines;
  }
}

const none: Lines = { get: () => undefined, fault: null };
