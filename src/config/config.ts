// A configuration: an object as the file would be, checked against the schema and the rules that span keys.

import { resolve } from 'node:path';
import { PosternError } from '../errors.ts';
import type { ConfigInput, ConfigValues } from './config-schema.ts';
import { absoluteAddress } from './listen-address.ts';
import { formatProblem, type Lines, lineOf, type Problem } from './problem.ts';
import { readSections } from './sections.ts';

/** Where a configuration comes from. */
export interface ConfigOrigin {
  /** What errors call it. */
  readonly shown: string;
  readonly file: string | null;
  readonly folder: string;
  /** Lines of what is in it, by path; empty: it has none. */
  readonly lines: Lines;
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
  const { values, problems } = readSections(input, folder);
  if (problems.length > 0) {
    const inOrder = problems.toSorted((a, b) => (lineOf(lines, a.path) ?? 0) - (lineOf(lines, b.path) ?? 0));
    const texts = inOrder.map((problem) => formatProblem(shown, lines, problem));
    throw new PosternError('CONFIG_INVALID', texts.join('\n'), { fields: { problems: texts } });
  }
  const refusal = (problem: Problem): PosternError =>
    new PosternError('CONFIG_INVALID', file === null ? problem.message : formatProblem(shown, lines, problem));
  return { file, folder, values: withAbsoluteSockets(values, folder), refusal };
}

/** Socket files, as all paths, start from the folder of the configuration. */
function withAbsoluteSockets(values: ConfigValues, folder: string): ConfigValues {
  const absolute = <Place extends { readonly address: string }>(place: Place): Place => ({
    ...place,
    address: absoluteAddress(place.address, folder),
  });
  return {
    ...values,
    ...(values.admin && { admin: { ...values.admin, listen: absoluteAddress(values.admin.listen, folder) } }),
    site: mapValues(values.site, (site) => ({ ...site, listen: site.listen.map(absolute) })),
    pool: mapValues(values.pool, (pool) =>
      pool.kind === 'connect' ? { ...pool, connect: pool.connect.map(absolute) } : pool,
    ),
  };
}

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
