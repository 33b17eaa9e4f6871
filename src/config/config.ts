// A configuration: an object as the file would be, checked against the schema and the rules that span keys.

import { resolve } from 'node:path';
import { PosternError } from '../errors.ts';
import type { ConfigInput, ConfigValues } from './config-schema.ts';
import { linesOf } from './lines.ts';
import { absoluteAddress } from './listen-address.ts';
import { formatProblem, type Lines, lineOf, type Problem, withLines } from './problem.ts';
import { readSections } from './sections.ts';

/** Where a configuration comes from. */
export interface ConfigOrigin {
  /** What errors call it. */
  readonly shown: string;
  readonly file: string | null;
  readonly folder: string;
  /** The text that it was read from, in which lines are found; null: there is none. */
  readonly text: string | null;
}

/** A configuration that was read and checked. */
export interface Config {
  /** The file it came from, absolute; null: it was made in this process. */
  readonly file: string | null;
  /** The folder that relative paths in it start from. */
  readonly folder: string;
  readonly values: ConfigValues;
  /** An error that names file and line, for what shows only when the configuration is used. Without a file: the messages alone. */
  readonly refusal: (...problems: readonly Problem[]) => ConfigError;
}

/** A configuration that was read, whatever is wrong with it. */
export interface ExaminedConfig extends Config {
  /** None: it can be used. Else `values` lack what could not be read. */
  readonly problems: readonly Problem[];
}

/** CONFIG_INVALID: each problem is a line of the message, in the order of the file's lines. */
export class ConfigError extends PosternError {
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[]) {
    super('CONFIG_INVALID', message);
    this.problems = problems;
  }
}

/**
 * Checks a configuration made in this process, written as the file would be.
 * @param folder where relative paths in it start from
 * @throws CONFIG_INVALID
 */
export function defineConfig(input: ConfigInput, folder: string = process.cwd()): Config {
  return sound(examine(input, { shown: 'configuration', file: null, folder: resolve(folder), text: null }));
}

/** What reading comes to, as plain data that can go from one thread or process to another: JSON. */
export interface ReadConfig {
  readonly values: ConfigValues;
  /** With their lines: to find them takes long, and who tells them may be a service with requests. */
  readonly problems: readonly Problem[];
  readonly origin: ConfigOrigin;
}

/** Checks what was written, and fills in the defaults. */
export function examine(input: unknown, origin: ConfigOrigin): ReadConfig {
  const { values, problems } = readSections(input, origin.folder);
  const lines = linesOf(origin.text);
  const named = withNamedRules(values, lines);
  return { values: withAbsoluteSockets(named, origin.folder), problems: withLines(problems, lines), origin };
}

/** A configuration of what was read. */
export function examined({ values, problems, origin: { shown, file, folder, text } }: ReadConfig): ExaminedConfig {
  const lines = linesOf(text);
  const refusal = (...found: readonly Problem[]): ConfigError => {
    const inOrder = withLines(found, lines);
    return new ConfigError(
      inOrder.map((one) => (file === null ? one.message : formatProblem(shown, one))).join('\n'),
      inOrder,
    );
  };
  return { file, folder, values, refusal, problems };
}

/** The same, where nothing may be wrong. @throws ConfigError */
export function sound(read: ReadConfig): Config {
  const config = examined(read);
  if (config.problems.length > 0) throw config.refusal(...config.problems);
  return config;
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

/** A rule is called by its place and its line, by `explain` and in logs. */
function withNamedRules(values: ConfigValues, lines: Lines): ConfigValues {
  const sites = Object.entries(values.site).map(([name, site]) => {
    const rules = site.rule.map((rule, at) => {
      // That of a preset has a name.
      if (rule.name !== '') return rule;
      const line = lineOf(lines, ['site', name, 'rule', at]);
      return { ...rule, name: `rule ${at + 1}${line === null ? '' : ` (line ${line})`}` };
    });
    return [name, { ...site, rule: rules }] as const;
  });
  return { ...values, site: Object.fromEntries(sites) };
}

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
