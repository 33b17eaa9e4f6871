// TOML text as values.

import { TomlError as ParserError, parse } from 'smol-toml';
import { positions } from './lines.ts';

/** Why a text is no TOML. */
export class TomlError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Reads a text; every key is a property of its own, "__proto__" too. @throws TomlError */
export function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ParserError)) throw error;
    const [words = ''] = error.message.replace('Invalid TOML document: ', '').split('\n');
    const fault = positions().faultIn(text) ?? { message: `${words} (column ${error.column})`, line: error.line };
    throw new TomlError(fault.message, fault.line);
  }
}
