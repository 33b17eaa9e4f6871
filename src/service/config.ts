// Reads a configuration: TOML text or an object, checked against the schema and the rules that span keys.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { PosternError } from '../errors.ts';
import { checkConfig } from './config-rules.ts';
import { type ConfigInput, type ConfigValues, configSchema } from './config-schema.ts';
import { formatProblem, type Problem, problemsOf } from './problem.ts';
import { lineOf, type TomlLines, tomlLines } from './toml-lines.ts';

/** A configuration that was read and checked. */
export interface Config {
  /** The file it came from, absolute; null: it was made in this process. */
  readonly file: string | null;
  /** The folder that relative paths in it start from. */
  readonly folder: string;
  readonly values: ConfigValues;
}

/**
 * Reads a configuration file.
 * @param file shown in errors as given
 * @throws CONFIG_INVALID with every problem, one a line: "postern.toml:12: unknown key ..."
 */
export async function readConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'it may not be read' : String(code);
    throw new PosternError('CONFIG_INVALID', `${file}: ${why}: name the configuration with -c FILE`, { cause: error });
  }
  return parseConfig(text, file);
}

/**
 * Checks the text of a configuration file.
 * @param file its name, for errors and for relative paths
 * @throws CONFIG_INVALID
 */
export function parseConfig(text: string, file: string): Config {
  let input: unknown;
  try {
    input = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.replace(/^Invalid TOML document: /, '').split('\n')[0];
    throw new PosternError('CONFIG_INVALID', `${file}:${error.line}: this is not TOML: ${what}`, { cause: error });
  }
  return check(input, file, resolve(file), dirname(resolve(file)), tomlLines(text));
}

/**
 * Checks a configuration made in this process, written as the file would be.
 * @param folder where relative paths in it start from
 * @throws CONFIG_INVALID
 */
export function defineConfig(input: ConfigInput, folder: string = process.cwd()): Config {
  return check(input, 'configuration', null, resolve(folder), new Map());
}

function check(input: unknown, shown: string, file: string | null, folder: string, lines: TomlLines): Config {
  const parsed = configSchema.safeParse(input);
  const problems: readonly Problem[] = parsed.success
    ? checkConfig(parsed.data, folder)
    : problemsOf(parsed.error.issues, input, keysOf);
  if (problems.length > 0) {
    const inOrder = problems.toSorted((a, b) => (lineOf(lines, a.path) ?? 0) - (lineOf(lines, b.path) ?? 0));
    const texts = inOrder.map((problem) => formatProblem(shown, lines, problem));
    throw new PosternError('CONFIG_INVALID', texts.join('\n'), { fields: { problems: texts } });
  }
  return { file, folder, values: parsed.data as ConfigValues };
}

/** The keys that a section may have, found in the schema itself. */
function keysOf(path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = configSchema;
  for (const key of path) schema = childOf(unwrap(schema), key);
  const section = unwrap(schema);
  return section instanceof z.ZodObject ? Object.keys(section.shape) : [];
}

function childOf(schema: unknown, key: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) return schema.shape[String(key)];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

/** What is inside optional and default. */
function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unwrap(schema.unwrap());
  return schema;
}
