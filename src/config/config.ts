// A configuration: an object as the file would be, checked against the schema and the rules that span keys.

import { resolve } from 'node:path';
import { z } from 'zod';
import { PosternError } from '../errors.ts';
import { checkConfig } from './config-rules.ts';
import { type ConfigInput, type ConfigValues, configSchema } from './config-schema.ts';
import { absoluteAddress } from './listen-address.ts';
import { formatProblem, type Problem, problemsOf } from './problem.ts';
import { lineOf, type TomlLines } from './toml-lines.ts';

/** Where a configuration comes from. */
export interface ConfigOrigin {
  /** What errors call it. */
  readonly shown: string;
  readonly file: string | null;
  readonly folder: string;
  /** Lines of what is in it, by path; empty: it has none. */
  readonly lines: TomlLines;
}

/** A configuration that was read and checked. */
export interface Config {
  /** The file it came from, absolute; null: it was made in this process. */
  readonly file: string | null;
  /** The folder that relative paths in it start from. */
  readonly folder: string;
  readonly values: ConfigValues;
  /** An error that names file and line, for what shows only when the configuration is used. Without a file: the message alone. */
  readonly refusal: (problem: Problem) => PosternError;
}

/**
 * Checks a configuration made in this process, written as the file would be.
 * @param folder where relative paths in it start from
 * @throws CONFIG_INVALID
 */
export function defineConfig(input: ConfigInput, folder: string = process.cwd()): Config {
  return checkConfiguration(input, { shown: 'configuration', file: null, folder: resolve(folder), lines: new Map() });
}

/** Checks what was written, and fills in the defaults. @throws CONFIG_INVALID with every problem, one a line */
export function checkConfiguration(input: unknown, { shown, file, folder, lines }: ConfigOrigin): Config {
  const parsed = configSchema.safeParse(input);
  const values = parsed.success ? withAbsoluteSockets(parsed.data, folder) : null;
  const problems: readonly Problem[] =
    values === null ? problemsOf(parsed.error!.issues, input, keysOf) : checkConfig(values, folder);
  if (problems.length > 0) {
    const inOrder = problems.toSorted((a, b) => (lineOf(lines, a.path) ?? 0) - (lineOf(lines, b.path) ?? 0));
    const texts = inOrder.map((problem) => formatProblem(shown, lines, problem));
    throw new PosternError('CONFIG_INVALID', texts.join('\n'), { fields: { problems: texts } });
  }
  const refusal = (problem: Problem): PosternError =>
    new PosternError('CONFIG_INVALID', file === null ? problem.message : formatProblem(shown, lines, problem));
  return { file, folder, values: values!, refusal };
}

/** Socket files, as all paths, start from the folder of the configuration. */
function withAbsoluteSockets(values: ConfigValues, folder: string): ConfigValues {
  const absolute = (text: string): string => absoluteAddress(text, folder);
  return {
    ...values,
    ...(values.admin && { admin: { ...values.admin, listen: absolute(values.admin.listen) } }),
    site: mapValues(values.site, (site) => ({ ...site, listen: site.listen.map(absolute) })),
    pool: mapValues(values.pool, (pool) => ({ ...pool, ...(pool.connect && { connect: pool.connect.map(absolute) }) })),
  };
}

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
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
