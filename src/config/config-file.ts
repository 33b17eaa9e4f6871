// A configuration file: TOML text, read and checked. Apart from `config.ts`, since a service without a file needs no TOML.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TomlError as ParserError, parse } from 'smol-toml';
import { PosternError } from '../errors.ts';
import { type Config, type ExaminedConfig, examined, type ReadConfig, sound } from './config.ts';
import { examine } from './define-config.ts';
import { faultIn } from './lines.ts';
import { notToml } from './problem.ts';

/** Why a text is no TOML. */
export class TomlError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be read',
};

/**
 * Reads a configuration file.
 * @param file shown in errors as given
 * @throws CONFIG_INVALID with every problem, one a line: "postern.toml:12: unknown key ..."
 */
export async function readConfig(file: string): Promise<Config> {
  return sound(await readFileOf(file));
}

/** Reads a configuration file, whatever is wrong with it. @throws CONFIG_INVALID when it cannot be read, or is not TOML */
export async function examineConfig(file: string): Promise<ExaminedConfig> {
  return examined(await readFileOf(file));
}

/**
 * Checks the text of a configuration file.
 * @param file its name, for errors and for relative paths
 * @throws CONFIG_INVALID
 */
export function parseConfig(text: string, file: string): Config {
  return sound(readText(text, file));
}

/** Reads TOML; every key is a property of its own, "__proto__" too. @throws TomlError */
export function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ParserError)) throw error;
    const [words = ''] = error.message.replace('Invalid TOML document: ', '').split('\n');
    const fault = faultIn(text) ?? { message: `${words} (column ${error.column})`, line: error.line };
    throw new TomlError(fault.message, fault.line);
  }
}

/** See `examineConfig`. */
export async function readFileOf(file: string): Promise<ReadConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = unreadable[code ?? ''] ?? (error as Error).message;
    throw new PosternError('CONFIG_INVALID', `${file}: ${why}: name the configuration with -c FILE`, { cause: error });
  }
  return readText(text, file);
}

function readText(written: string, file: string): ReadConfig {
  // Some editors begin a file with a byte order mark, which is no part of it.
  const text = written.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = `${file}:${error.line}: ${notToml(error)}`;
    throw new PosternError('CONFIG_INVALID', message, { cause: error });
  }
  const path = resolve(file);
  return examine(value, { shown: file, file: path, folder: dirname(path), text });
}
